"""Names looked up: one at a time for each name, whoever asks."""

from __future__ import annotations

import asyncio
import encodings.idna  # noqa: F401  imported by the first look-up, when the interpreter may be gone
import errno
import os
import socket
import threading
from collections import deque
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

    Answer = Future[list["Place"]]

#: look-ups under way at once
_THREADS: Final = 32


class Place(NamedTuple):
    """Where a socket can be connected to: a family, and an address as that family has it."""

    family: int
    address: Any

    def at(self, port: int) -> Place:
        """The same machine's `port`."""
        return Place(self.family, (self.address[0], port, *self.address[2:]))

    def __str__(self) -> str:
        if self.family == socket.AF_UNIX:
            return str(self.address)
        host, port = self.address[:2]
        return f"[{host}]:{port}" if self.family == socket.AF_INET6 else f"{host}:{port}"


class Lookups:
    """Look-ups in threads of their own, at most so many: a dead nameserver takes its time.

    A name that hangs holds nobody up who asks for another, nor the end of the process. What is
    asked while the same name is being looked up has that answer; no answer is kept.
    """

    def __init__(self, threads: int) -> None:
        self._lock = threading.Lock()
        self._free = threads
        self._asked: dict[str, Answer] = {}
        self._waiting: deque[str] = deque()

    async def find(self, name: str) -> list[Place]:
        """The addresses of `name`, in the system's order, with port 0.

        Raises OSError (socket.gaierror among them), ValueError for what no name can be.
        """
        return await asyncio.wrap_future(self._ask(name))

    def _ask(self, name: str) -> Answer:
        with self._lock:
            answer = self._asked.get(name)
            if answer is None:
                answer = self._asked[name] = Future()
                answer.set_running_or_notify_cancel()  # one caller's leaving is not the others'
                if self._free:
                    self._begin(name)
                else:
                    self._waiting.append(name)
            return answer

    def _begin(self, name: str) -> None:
        thread = threading.Thread(target=self._work, args=(name,), name="lookup", daemon=True)
        try:
            thread.start()
        except RuntimeError:  # the system has no more threads for us
            del self._asked[name]
            raise OSError(errno.EAGAIN, os.strerror(errno.EAGAIN)) from None
        self._free -= 1

    def _work(self, name: str | None) -> None:
        """Look up `name`, then whatever waits."""
        while name is not None:
            tell = _look_up(name)
            with self._lock:
                answer = self._asked.pop(name)
                name = self._waiting.popleft() if self._waiting else None
                self._free += name is None
            tell(answer)


def _look_up(name: str) -> Callable[[Answer], None]:
    """Ask the system; gives what tells its answer."""
    try:
        if "\0" in name:
            raise ValueError("it holds a NUL")  # the C library would look up what is before it
        found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    except BaseException as error:
        cause = error.with_traceback(None)
        return lambda answer: answer.set_exception(cause)
    places = list(dict.fromkeys(Place(family, address) for family, _, _, _, address in found))
    return lambda answer: answer.set_result(places)


#: those of the process
LOOKUPS: Final = Lookups(_THREADS)
