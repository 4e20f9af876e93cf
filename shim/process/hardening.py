"""What a process that holds secrets denies to the rest of its machine (Linux)."""

from __future__ import annotations

import contextlib
import fcntl
import os
import resource
from pathlib import Path
from typing import Final

from shim.process.native import mlockall, prctl

_PR_SET_DUMPABLE, _PR_SET_NO_NEW_PRIVS = 4, 38  # linux/prctl.h
_MCL_CURRENT, _MCL_FUTURE, _MCL_ONFAULT = 1, 2, 4  # sys/mman.h
_OWNER_ONLY: Final = 0o077
_STANDARD_STREAMS: Final = 3
# Where the system's trust is, as Go has it for the host itself (shim.grpc.authorities).
_KEPT: Final = {"SSL_CERT_FILE", "SSL_CERT_DIR"}


class MemoryNotLocked(OSError):  # noqa: N818  a state of the process, as the message says
    """The kernel refused to keep the process's memory from being swapped out."""


def harden() -> None:
    """Core dumps off, memory closed to other processes of the same user, files owner-only.

    Non-dumpable also means no ptrace and no ``/proc/<pid>/mem`` for anyone but root. The process
    itself still reaches its own ``/proc/self/fd``. No program it might ever run gains rights by a
    setuid bit, and what it inherited beside the standard streams is closed. Raises OSError.
    """
    os.umask(_OWNER_ONLY)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    prctl(_PR_SET_DUMPABLE, 0)
    prctl(_PR_SET_NO_NEW_PRIVS, 1)
    _close_inherited()


def forget_environment() -> None:
    """Drop the variables of the host's environment, but for the place of the system's trust.

    Libraries would follow some of them: a file to write TLS keys to, another resolver, a proxy.
    """
    for name in os.environ.keys() - _KEPT:
        if name:  # "=x" is no variable one can unset
            del os.environ[name]


def lock_memory() -> None:
    """Keep every page, now and later, out of swap. Raises MemoryNotLocked.

    A page is locked when it is first touched: locking at once would make all that is merely
    mapped resident, thread stacks among it.
    """
    try:
        mlockall(_MCL_CURRENT | _MCL_FUTURE | _MCL_ONFAULT)
    except OSError as error:
        raise MemoryNotLocked(
            error.errno,
            f"cannot lock memory as the server asks: {error.strerror}: run setcap"
            " cap_ipc_lock=+ep on this file (the executable, not a zip), or set"
            " LimitMEMLOCK=infinity in the unit of the server, or disable_mlock = true in its"
            " configuration",
        ) from None


def _close_inherited() -> None:
    """Close what came through exec: Python opens nothing that would go through one."""
    for descriptor in [int(entry.name) for entry in Path("/proc/self/fd").iterdir()]:
        if descriptor < _STANDARD_STREAMS:
            continue
        with contextlib.suppress(OSError):  # the listing's own
            if not fcntl.fcntl(descriptor, fcntl.F_GETFD) & fcntl.FD_CLOEXEC:
                os.close(descriptor)
