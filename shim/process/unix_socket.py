"""The place of the plugin's socket: a directory of its own, gone when the process is."""

from __future__ import annotations

import contextlib
import grp
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from shim.process.handshake import HandshakeError

if TYPE_CHECKING:
    from collections.abc import Iterator

_LONGEST: Final = 107  # bytes of a path in sockaddr_un, its final NUL apart


@contextlib.contextmanager
def private_path(parent: str) -> Iterator[str]:
    """Make a directory only we may enter in `parent`; give a path for a socket in it.

    Raises HandshakeError where that cannot be. Both are removed at the end.
    """
    try:
        directory = tempfile.mkdtemp(prefix="plugin", dir=parent)
    except OSError as error:
        raise HandshakeError(
            f"cannot make the socket's directory in {parent}: {error.strerror}"
            " (TMPDIR of the server chooses the place)"
        ) from None
    path = os.path.join(directory, "socket")  # noqa: PTH118  a plain string for the handshake line
    try:
        if len(os.fsencode(path)) > _LONGEST:
            raise HandshakeError(
                f"the socket's path is longer than {_LONGEST} bytes: {path}"
                " (set TMPDIR of the server to a shorter one)"
            )
        yield path
    finally:
        Path(path).unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # already removed, or somebody put a file in it
            os.rmdir(directory)  # noqa: PTH106


def admit_group(path: str, group: str) -> None:
    """Let `group`, a number or a name, connect to the socket at `path`; "" lets the owner alone.

    Raises HandshakeError for a group that does not exist or is not ours to give.
    """
    socket = Path(path)
    socket.chmod(0o660 if group else 0o600)
    if not group:
        return
    try:
        number = int(group) if group.isdecimal() else grp.getgrnam(group).gr_gid
        os.chown(socket, -1, number)
        os.chown(socket.parent, -1, number)
    except (KeyError, OSError, OverflowError) as error:
        raise HandshakeError(
            f"cannot give the socket to PLUGIN_UNIX_SOCKET_GROUP {group!r}: {error}"
        ) from None
    socket.parent.chmod(0o710)  # the group may pass through, and see nothing else
