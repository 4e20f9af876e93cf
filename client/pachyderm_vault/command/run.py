"""``pachyderm-vault run -- COMMAND``: one command, signed in for as long as it runs."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Optional

from pachyderm_vault.command.keeping import Keeping
from pachyderm_vault.command.kept import Kept
from pachyderm_vault.command.settings import source
from pachyderm_vault.command.signals import ENDING, hear

if TYPE_CHECKING:
    import argparse
    from types import FrameType

CONTEXT = "vault"
NOT_RUNNABLE, NOT_FOUND = 126, 127
PASSED_ON = (*ENDING, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2, signal.SIGWINCH)
FROM_THE_TERMINAL = (signal.SIGINT, signal.SIGQUIT)  # which sends them to the command itself


def add(parser: argparse.ArgumentParser) -> None:
    """What it takes beside the settings."""
    parser.add_argument("--pachd-ca-cert", type=Path, metavar="FILE", help="that pachctl trusts")
    parser.add_argument("argv", nargs="+", metavar="COMMAND", help="after --")


def do(options: argparse.Namespace) -> int:
    """Run a command with a pachctl configuration of its own, whose token lives as long as it.

    The configuration is a private file, named in PACH_CONFIG. Signals are passed on. When the
    command ends the file is gone and the token revoked.
    """
    folder = Path(tempfile.mkdtemp(prefix="pachyderm-vault-"))  # of mode 0700
    try:
        kept = Kept(folder / "config.json", CONTEXT, options.pachd_ca_cert)
        keeping = Keeping(source(options), [kept])
        hear(ENDING, lambda number, _: sys.exit(128 + number))
        try:
            keeping.begin(options.wait)
            status = _ran(options.argv, {**os.environ, "PACH_CONFIG": str(kept.file)})
        finally:
            for number in ENDING:  # for the seconds that it takes to revoke
                signal.signal(number, signal.SIG_IGN)
            keeping.end()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if status < 0:  # by a signal: end by it, too, so that whoever waits sees it
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core would hold Vault's token
        if -status not in (signal.SIGKILL, signal.SIGSTOP):
            signal.signal(-status, signal.SIG_DFL)
        os.kill(os.getpid(), -status)
    return status if status >= 0 else 128 - status


def _ran(argv: list[str], environment: dict[str, str]) -> int:
    """The exit status of the command, as `subprocess` gives it."""
    child: Optional[subprocess.Popen[bytes]] = None
    early: list[int] = []

    def pass_on(number: int, frame: Optional[FrameType]) -> None:
        del frame
        if child is None:
            early.append(number)
        elif number not in FROM_THE_TERMINAL or not _in_foreground():
            child.send_signal(number)

    before = hear(PASSED_ON, pass_on)
    try:
        child = subprocess.Popen(argv, env=environment)  # noqa: S603  that is what it is for
        for number in early:
            child.send_signal(number)
        return child.wait()
    except FileNotFoundError:
        print(f"pachyderm-vault: {argv[0]}: no such command", file=sys.stderr)
        return NOT_FOUND
    except OSError as error:
        print(f"pachyderm-vault: {argv[0]}: {error.strerror}", file=sys.stderr)
        return NOT_RUNNABLE
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _in_foreground() -> bool:
    """Whether a terminal sends its signals to this process and the command alike."""
    try:
        terminal = os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY)
    except OSError:
        return False
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    except OSError:
        return False
    finally:
        os.close(terminal)
