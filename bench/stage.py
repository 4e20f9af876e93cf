"""What the bench measures on: a pinned server, and the pachds it mints at."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.integration.kept_server import KeptServer
from tests.integration.openbao import VaultServer

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


class QuietServer(VaultServer):
    """A dev server, in memory, that logs as one in production does; audited, as one is."""

    log_level = "info"

    def check_logs(self) -> None:
        """What a log shows is the tests' to find: there is a gigabyte of it here."""


class Node(KeptServer, QuietServer):
    """One as in production: integrated storage, on disk."""


@dataclass(frozen=True)
class Pachd:
    """A running pachd: its process, where it listens, and an admin's token."""

    pid: int
    address: str
    token: str


def pin() -> tuple[set[int], set[int]]:
    """Keep this process, and all it starts, off the last core; gives our cores and that one.

    With one core alone both are the same.
    """
    cores = sorted(os.sched_getaffinity(0))
    ours, theirs = set(cores[:-1] or cores), {cores[-1]}
    os.sched_setaffinity(0, ours)
    return ours, theirs


@contextlib.contextmanager
def server(binary: Path, kind: type[VaultServer] = QuietServer) -> Iterator[VaultServer]:
    """A server of OpenBao's or Vault's in a directory of its own."""
    with (
        tempfile.TemporaryDirectory(prefix="vb", ignore_cleanup_errors=True) as directory,
        kind(binary, Path(directory)) as running,
    ):
        yield running


def product(binary: Path) -> str:
    """What a server's binary says it is, with its version."""
    asked = [str(binary), "version"]
    return subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()


@contextlib.contextmanager
def simulator(cores: set[int]) -> Iterator[Pachd]:
    """The simulated pachd 2.x, in a process of its own on `cores`."""
    command = [sys.executable, "-m", "tests.pachd", "--generation=2"]
    with _started(command, cores) as (pid, words):
        yield Pachd(pid, words[0], words[1])


@contextlib.contextmanager
def stand_in(binaries: Path, cores: set[int]) -> Iterator[Pachd]:
    """The stand-in for a pachd, in Go, that costs next to nothing."""
    with _started([str(binaries / "pachd")], cores) as (pid, words):
        yield Pachd(pid, words[0], "any")


@contextlib.contextmanager
def _started(command: Sequence[str], cores: set[int]) -> Iterator[tuple[int, list[str]]]:
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        os.sched_setaffinity(process.pid, cores)
        assert process.stdout is not None  # noqa: S101  it is a pipe
        try:
            yield process.pid, process.stdout.readline().split()
        finally:
            process.terminate()
