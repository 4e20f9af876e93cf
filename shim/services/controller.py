"""``plugin.GRPCController``: the host's word to stop."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from shim.grpc import Call, Method, Server
from shim.proto import plugin_pb2 as plugin

if TYPE_CHECKING:
    from collections.abc import Callable

SHUTDOWN: Final = Method("/plugin.GRPCController/Shutdown", plugin.Empty, plugin.Empty)


class Controller:
    """Calls `stop` when the host asks; the answer goes out because stopping drains calls."""

    def __init__(self, stop: Callable[[], None]) -> None:
        self._stop = stop

    def register(self, server: Server) -> None:
        """Put Shutdown on `server`."""
        server.unary(SHUTDOWN, self._shutdown)

    async def _shutdown(self, request: plugin.Empty, call: Call) -> plugin.Empty:
        del request, call
        self._stop()
        return plugin.Empty()
