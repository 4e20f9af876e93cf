"""What ends a process whose event loop hangs: the kernel asks every few seconds, the loop answers.

A timer of the kernel sends SIGALRM. Python runs its handler in the main thread, in the midst of
whatever that is doing: a loop in Python, a system call, which it interrupts, and those functions in
C that look for signals, regular expressions and big integers among them. Where several questions
in a row found no answer, the handler logs where the main thread is and ends the process.

Questions are counted and no time is measured: signals of one kind do not queue, so a process that
was stopped, or a virtual machine that was paused, finds one question waiting however long that
took, and has the time of the next to answer. While a machine is suspended the timer stands still.

A function in C that holds the interpreter's lock and does not look for signals keeps the handler
from running. It is met by a second timer, over the CPU time of the process, which each question
winds up again: at its end SIGPROF writes the stack from C and kills. That text is not JSON, so the
host logs it at debug; the exit, "profiling timer expired", it logs as an error.
"""

from __future__ import annotations

import faulthandler
import logging
import os
import signal
import traceback
from typing import TYPE_CHECKING, Final, NoReturn

from shim.process import logs

if TYPE_CHECKING:
    import asyncio
    from types import FrameType

#: seconds between two questions; a hang ends after two to three of them
TICK: Final = 2.5
_PATIENCE: Final = 3  # questions without an answer
_CPU: Final = 2  # times the tick: the seconds of CPU for which no question need be asked
_STATUS: Final = 1


class Watchdog:
    """Watches `loop`, which runs in the main thread, to the end of the process.

    `tick` is the seconds between two questions.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, tick: float = TICK) -> None:
        self._loop = loop
        self._tick = tick
        self._unanswered = 0

    def start(self) -> None:
        """Watch from now on. Takes SIGALRM and SIGPROF; called in the main thread."""
        signal.signal(signal.SIGALRM, self._ask)
        faulthandler.register(signal.SIGPROF, file=logs.STDERR, chain=True)  # and then SIG_DFL
        self._wind_up()
        signal.setitimer(signal.ITIMER_REAL, self._tick, self._tick)

    def _ask(self, number: int, frame: FrameType | None) -> None:
        del number
        self._wind_up()
        self._unanswered += 1
        if self._unanswered == _PATIENCE:
            _end(frame)
        self._loop.call_soon_threadsafe(self._answer)

    def _wind_up(self) -> None:
        signal.setitimer(signal.ITIMER_PROF, _CPU * self._tick)

    def _answer(self) -> None:
        self._unanswered = 0


def _end(frame: FrameType | None) -> NoReturn:
    """Log where the main thread is, by file, line and function without any value, and end.

    Past the locks of `logging`, which a hanging thread may hold, and without waiting for a host
    that does not read.
    """
    os.set_blocking(logs.STDERR, False)
    handler = _handler(frame)
    told = f" in the handler {handler}, which blocks" if handler else ""
    said = f"the event loop hangs{told}: ending the process"
    record = logging.LogRecord(__name__, logging.ERROR, "", 0, said, None, None)
    record.stacktrace = "".join(traceback.format_stack(frame))
    logs.write(record)
    os._exit(_STATUS)


def _handler(frame: FrameType | None) -> str:
    """The engine's function that the SDK called and that does not return; "" where there is none.

    On the stack it is the last that is not the SDK's before a function of `shim.framework`.
    """
    found = ""
    while frame is not None:
        module = str(frame.f_globals.get("__name__", ""))
        if module.startswith("shim.framework."):
            return found
        found = f"{module}.{frame.f_code.co_qualname}"
        frame = frame.f_back
    return ""
