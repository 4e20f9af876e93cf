"""Runs a command where it alone sees its mounts or its network, and root as it is given one."""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import socket
import struct
import subprocess
import threading
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CLONE_NEWNET = 0x40000000  # linux/sched.h
SIOCSIFFLAGS, IFF_UP = 0x8914, 1  # linux/sockios.h, linux/if.h


def own_mounts(script: str, *more: str) -> list[str]:
    """A command that runs `script`, then its arguments, where it alone sees its mounts.

    `more` are further options of unshare(1). Skips the test where the machine does not allow it.
    """
    ways = ["unshare", "--mount", "--propagation", "private", *more]
    if os.getuid() != 0:
        ways.append("--map-root-user")
    tried = subprocess.run([*ways, "true"], capture_output=True, text=True)
    if tried.returncode != 0:
        pytest.skip(f"no namespaces of our own: {tried.stderr.strip()}")
    return [*ways, "/bin/sh", "-ec", f'{script}\nexec "$0" "$@"']


def own_root(script: str, root: Path, shared: Path, *more: str) -> list[str]:
    """As `own_mounts`; what runs has `root`, which `script` fills, for its root directory.

    It sees this machine's processes at /proc, and `shared` at the same path as here.
    """
    place = f"{root}{shared}"
    return own_mounts(
        f"{script}\n"
        f"mkdir -p {root}/proc {place}\n"
        f"mount --rbind /proc {root}/proc\n"
        f"mount --bind {shared} {place}\n"
        f'exec chroot {root} "$0" "$@"',
        *more,
    )


@contextlib.contextmanager
def apart(script: str) -> Iterator[int]:
    """A process that does nothing, in mounts that `script` made and a network of its own.

    Skips the test where the machine does not allow it, or where this is not root, who alone may
    enter another's.
    """
    if os.getuid() != 0:
        pytest.skip("only root may enter the namespaces of another process")
    command = own_mounts(f"{script}\necho made", "--net")
    with subprocess.Popen(
        [*command, "/bin/cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:  # which ends with its input
        assert process.stdout is not None
        assert process.stdout.readline() == b"made\n"
        yield process.pid


def inside(pid: int) -> list[str]:
    """What to put before a command that shall run in the mounts and the network of `pid`."""
    return ["nsenter", "--mount", "--net", f"--target={pid}"]


@contextlib.contextmanager
def network_of(pid: int) -> Iterator[None]:
    """This thread, and those it starts, in the network of process `pid`, its loopback up.

    Raises OSError where this process may not go there.
    """
    here = f"/proc/self/task/{threading.get_native_id()}/ns/net"
    with open(here) as own, open(f"/proc/{pid}/ns/net") as other:
        _enter(other.fileno())
        try:
            with socket.socket() as any_socket:
                request = struct.pack("16sh", b"lo", IFF_UP).ljust(40, b"\0")  # struct ifreq
                fcntl.ioctl(any_socket, SIOCSIFFLAGS, request)
            yield
        finally:
            _enter(own.fileno())


def _enter(network: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(network, CLONE_NEWNET) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"setns: {os.strerror(number)}")
