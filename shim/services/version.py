"""``logical.PluginVersion``: the version the plugin runs as."""

from __future__ import annotations

import re
from typing import Final

from shim.grpc import Call, Method, Server
from shim.proto import logical_pb2 as logical

VERSION: Final = Method("/logical.PluginVersion/Version", logical.Empty, logical.VersionReply)
_SEMANTIC: Final = re.compile(
    r"v(0|[1-9]\d*)(\.(0|[1-9]\d*)){2}(-[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*)?"
    r"(\+[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*)?",
    re.ASCII,
)


class Version:
    """Tells the host `version`: semantic with a leading ``v``, or "" for none.

    The host refuses a registration that names another one. Raises ValueError for a version the
    host could not read.
    """

    def __init__(self, version: str) -> None:
        if version and not _SEMANTIC.fullmatch(version):
            raise ValueError(f"{version!r} is no semantic version with a leading v, as v1.2.3 is")
        self._version = version

    def register(self, server: Server) -> None:
        """Put Version on `server`."""
        server.unary(VERSION, self._answer)

    async def _answer(self, request: logical.Empty, call: Call) -> logical.VersionReply:
        del request, call
        return logical.VersionReply(plugin_version=self._version)
