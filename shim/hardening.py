"""What a process that holds secrets denies to the rest of its machine (Linux)."""

from __future__ import annotations

import ctypes
import os
import resource
from typing import Final

_PR_SET_DUMPABLE: Final = 4  # linux/prctl.h
_MCL_CURRENT, _MCL_FUTURE, _MCL_ONFAULT = 1, 2, 4  # sys/mman.h
_OWNER_ONLY: Final = 0o077


class MemoryNotLocked(OSError):  # noqa: N818  a state of the process, as the message says
    """The kernel refused to keep the process's memory from being swapped out."""


def harden() -> None:
    """Core dumps off, memory closed to other processes of the same user, files owner-only.

    Non-dumpable also means no ptrace and no ``/proc/<pid>/mem`` for anyone but root. The process
    itself still reaches its own ``/proc/self/fd``. Raises OSError.
    """
    os.umask(_OWNER_ONLY)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _libc("prctl", _PR_SET_DUMPABLE, 0, 0, 0, 0)


def lock_memory() -> None:
    """Keep every page, now and later, out of swap. Raises MemoryNotLocked.

    A page is locked when it is first touched: locking at once would make all that is merely
    mapped resident, thread stacks among it.
    """
    try:
        _libc("mlockall", _MCL_CURRENT | _MCL_FUTURE | _MCL_ONFAULT)
    except OSError as error:
        raise MemoryNotLocked(
            error.errno,
            f"cannot lock memory as the server asks: {error.strerror}; set LimitMEMLOCK=infinity"
            " in the unit of the server, or disable_mlock = true in its configuration",
        ) from None


def _libc(function: str, *arguments: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc[function](*map(ctypes.c_ulong, arguments)) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{function}: {os.strerror(number)}")
