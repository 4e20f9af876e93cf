"""``grpc.health.v1.Health``: the host's ping."""

from __future__ import annotations

from typing import Final

from shim.grpc import Call, Method, RpcError, Server, Status
from shim.proto import health_pb2 as health

CHECK: Final = Method(
    "/grpc.health.v1.Health/Check", health.HealthCheckRequest, health.HealthCheckResponse
)
_SERVICES: Final = frozenset({"plugin", ""})  # "" is the server as a whole


class Health:
    """Says that the plugin serves; any other service is NOT_FOUND."""

    def register(self, server: Server) -> None:
        """Put Check on `server`."""
        server.unary(CHECK, self._check)

    async def _check(
        self, request: health.HealthCheckRequest, call: Call
    ) -> health.HealthCheckResponse:
        del call
        if request.service not in _SERVICES:
            raise RpcError(Status.NOT_FOUND, "unknown service")
        return health.HealthCheckResponse(status=health.HealthCheckResponse.SERVING)
