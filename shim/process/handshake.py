"""What the host and the plugin tell each other before the first connection.

The host speaks through the environment, the plugin through one line on its standard output
(go-plugin core protocol 1). Everything here is a pure function of what it is given.
OpenBao sets its own variables twice, as ``BAO_*`` and as ``VAULT_*``; Vault sets the second only.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

COOKIE_NAME: Final = "VAULT_BACKEND_PLUGIN"
COOKIE_VALUE: Final = "6669da05-b1c8-4f49-97d9-c8e5bed98e20"
CORE_PROTOCOL: Final = 1
#: versions of the backend protocol; 5 is one process for many mounts, what serves it serves all
PROTOCOL_VERSIONS: Final = (3, 4, 5)


class HandshakeError(Exception):
    """The host asks for what this plugin does not do; the text is for the server's log."""


@dataclass(frozen=True, slots=True)
class HandshakeEnvironment:
    """What the host asked for.

    `protocol_version` is the one agreed on. `host_certificate` is PEM, empty where the host does
    no AutoMTLS (then only in `metadata_mode`, in which the host merely asks for type and
    version). `socket_dir` is where the socket's directory goes, `socket_group` a gid or a group
    name that may connect, empty for none. `mlock` asks for memory that is never swapped out.
    """

    protocol_version: int
    socket_dir: str
    host_certificate: str = field(default="", repr=False)
    socket_group: str = ""
    host_version: str = ""
    metadata_mode: bool = False
    mlock: bool = False


def launched_by_host(environ: Mapping[str, str]) -> bool:
    """Whether a host started this process, which it says with a cookie."""
    return environ.get(COOKIE_NAME) == COOKIE_VALUE


def read(environ: Mapping[str, str]) -> HandshakeEnvironment:
    """Read what the host asks for. Raises HandshakeError where it cannot be served."""
    if "PLUGIN_MULTIPLEX_GRPC" in environ:
        raise HandshakeError(
            "PLUGIN_MULTIPLEX_GRPC is set: this plugin does not run in a container of Vault's"
            " plugin runtime; register the plugin's file, not an oci_image"
        )
    certificate = environ.get("PLUGIN_CLIENT_CERT", "")
    metadata_mode = _flag(environ, "PLUGIN_METADATA_MODE")
    if not certificate and not metadata_mode:
        raise HandshakeError(
            "PLUGIN_CLIENT_CERT is not set: this plugin needs a host that does AutoMTLS"
            " (Vault 1.12 or later, or OpenBao)"
        )
    return HandshakeEnvironment(
        protocol_version=choose_version(environ.get("PLUGIN_PROTOCOL_VERSIONS", "")),
        socket_dir=environ.get("PLUGIN_UNIX_SOCKET_DIR") or environ.get("TMPDIR") or "/tmp",  # noqa: S108  Go's default; a private directory is made in it
        host_certificate=certificate,
        socket_group=environ.get("PLUGIN_UNIX_SOCKET_GROUP", ""),
        host_version=_variable(environ, "VERSION"),
        metadata_mode=metadata_mode,
        mlock=_flag(environ, "PLUGIN_MLOCK_ENABLED"),
    )


def choose_version(offered: str, known: Iterable[int] = PROTOCOL_VERSIONS) -> int:
    """Return the highest known version in the comma list `offered`, the lowest where none is."""
    wanted = {int(entry) for entry in map(str.strip, offered.split(",")) if entry.isdecimal()}
    return max(wanted.intersection(known), default=min(known))


def line(version: int, socket_path: str, certificate: bytes) -> str:
    """Return the plugin's only line on standard output, with its newline.

    `certificate` is the DER of the plugin's own, empty where there is no TLS. A seventh field
    would be about broker multiplexing; a host that did not ask for that must not get it.
    """
    encoded = base64.b64encode(certificate).decode().rstrip("=")
    return f"{CORE_PROTOCOL}|{version}|unix|{socket_path}|grpc|{encoded}\n"


def _variable(environ: Mapping[str, str], name: str) -> str:
    return environ.get(f"BAO_{name}", environ.get(f"VAULT_{name}", ""))


def _flag(environ: Mapping[str, str], name: str) -> bool:
    return _variable(environ, name).lower() in {"1", "t", "true"}
