"""The demonstration left running: one process holds the stage until it is told to end."""

import contextlib
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from scripts.demo import story
from scripts.demo.stage import Stage, stage
from scripts.demo.terminal import Terminal

STATE = Path(".demo")  # where make runs
PID = STATE / "pid"
LOG = STATE / "log"
EXPORTS = STATE / "exports"  # for a shell; there as long as the stage stands, as is the next
HOW = STATE / "how"  # to play with it
PATIENCE = 60.0  # seconds for everything to start, or to end


def up() -> int:
    """Set the stage in a process of its own and say how to play with it; give the exit code."""
    if running() is None:
        shutil.rmtree(STATE, ignore_errors=True)  # of before, however open
        STATE.mkdir()
        with LOG.open("wb") as log:
            keeper = subprocess.Popen(
                [sys.executable, "-m", "scripts.demo", "--keep"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        PID.write_text(str(keeper.pid))
        within_patience(lambda: HOW.exists() or keeper.poll() is not None)
        if not HOW.exists():
            keeper.terminate()
            print(LOG.read_text(), file=sys.stderr)
            return 1
    print(HOW.read_text())
    return 0


def keep() -> int:
    """Hold the stage until SIGTERM; give the exit code."""
    ends = {signal.SIGINT, signal.SIGTERM}
    signal.pthread_sigmask(signal.SIG_BLOCK, ends)  # before the simulators' threads begin
    with stage() as played:
        terminal = Terminal(played.server)
        story.install(played, terminal)
        for cluster in (played.v2, played.v1):
            story.configure(terminal, cluster)
        EXPORTS.write_text(exports(played))
        written = HOW.with_suffix(".new")
        written.write_text(how(played))
        written.rename(HOW)
        try:
            signal.sigwait(ends)
        finally:
            HOW.unlink()
            EXPORTS.unlink()
    return 0


def down() -> int:
    """End what `up` left running; give the exit code."""
    pid = running()
    if pid is None:
        print("Nothing is running.")
        return 0
    os.kill(pid, signal.SIGTERM)
    ended = within_patience(lambda: running() is None)
    print("All has ended." if ended else f"Process {pid} does not end.")
    return int(not ended)


def running() -> int | None:
    """Give the process that holds the stage, None where there is none."""
    with contextlib.suppress(OSError, ValueError):
        pid = int(PID.read_text())
        if b"scripts.demo\0--keep" in Path(f"/proc/{pid}/cmdline").read_bytes():
            return pid
    return None


def within_patience(reached: Callable[[], bool]) -> bool:
    """Wait for something to be reached; give whether it was."""
    deadline = time.monotonic() + PATIENCE
    while not (is_reached := reached()) and time.monotonic() < deadline:
        time.sleep(0.1)
    return is_reached


def exports(played: Stage) -> str:
    """What a shell needs to play with it: the server's address, root's token, its command line."""
    server, name = played.server, played.server.kind.program
    return f"""\
export {name.upper()}_ADDR={server.address} {name.upper()}_TOKEN={server.root_token}
{name}() {{ {shlex.quote(str(server.binary))} "$@"; }}
"""


def how(played: Stage) -> str:
    """Tell what is running, and how to play with it."""
    name = played.server.kind.program
    return f"""\
{played.v2.mount}/ serves a Pachyderm {played.v2.title} cluster, \
{played.v1.mount}/ a {played.v1.title} one. Type

    . {EXPORTS}
    {name} write -f {played.v2.mount}/login/robot:test
    {name} path-help {played.v2.mount}

and make demo-down to end it. Root's token is in {EXPORTS}, which is yours alone to read.
"""
