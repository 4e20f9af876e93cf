"""``pluginutil.multiplexing.PluginMultiplexing``: one process serves many mounts."""

from __future__ import annotations

from typing import Final

from shim.grpc import Call, Method, Server
from shim.proto import multiplexing_pb2 as multiplexing

#: the metadata key that names the mount on every ``pb.Backend`` call
MULTIPLEX_ID: Final = "multiplex_id"
SUPPORT: Final = Method(
    "/pluginutil.multiplexing.PluginMultiplexing/MultiplexingSupport",
    multiplexing.MultiplexingSupportRequest,
    multiplexing.MultiplexingSupportResponse,
)


class Multiplexing:
    """Says yes: every mount comes with its own ``multiplex_id`` in the metadata of its calls."""

    def register(self, server: Server) -> None:
        """Put MultiplexingSupport on `server`."""
        server.unary(SUPPORT, self._support)

    async def _support(
        self, request: multiplexing.MultiplexingSupportRequest, call: Call
    ) -> multiplexing.MultiplexingSupportResponse:
        del request, call
        return multiplexing.MultiplexingSupportResponse(supported=True)
