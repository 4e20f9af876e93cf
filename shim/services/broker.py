"""``plugin.GRPCBroker``: how the host tells where its own services for a mount listen.

The host opens one stream for the life of the process and sends a `ConnInfo` on it for each mount,
just before or just after the Setup call that names the same broker id.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final

from shim.grpc import Call, Channel, Method, Server, Stream
from shim.proto import plugin_pb2 as plugin

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

log = logging.getLogger(__name__)

START_STREAM: Final = Method("/plugin.GRPCBroker/StartStream", plugin.ConnInfo, plugin.ConnInfo)
#: seconds that one half, the address or the call that needs it, waits for the other
PATIENCE: Final = 5.0


class Broker:
    """Keeps the addresses the host sends until somebody needs them.

    `client_tls` is the context to dial with, None where there is no AutoMTLS, and `server_name`
    the host's name in its certificate. `host_left` is called when the host's stream ends, which
    it does for no other reason than to stop.
    """

    def __init__(
        self,
        client_tls: ssl.SSLContext | None,
        server_name: str,
        host_left: Callable[[], None],
    ) -> None:
        self._client_tls = client_tls
        self._server_name = server_name
        self._host_left = host_left
        self._addresses: dict[int, str] = {}  # came before anyone asked
        self._waiting: dict[int, asyncio.Future[str]] = {}  # asked for before they came

    def register(self, server: Server) -> None:
        """Put StartStream on `server`."""
        server.stream(START_STREAM, self._start_stream)

    async def dial(self, broker_id: int, timeout: float = PATIENCE) -> Channel:
        """Return a channel to the host's services of `broker_id`; it connects at its first call.

        Waits at most `timeout` seconds for the host to say where they are, then raises
        TimeoutError. The address is given out once.
        """
        address = self._addresses.pop(broker_id, None) or await self._wait(broker_id, timeout)
        return Channel.unix(address, tls=self._client_tls, server_hostname=self._server_name)

    async def _start_stream(
        self, stream: Stream[plugin.ConnInfo, plugin.ConnInfo], call: Call
    ) -> None:
        del call
        try:
            while (info := await stream.receive()) is not None:
                self._learn(info)
        finally:
            self._host_left()

    def _learn(self, info: plugin.ConnInfo) -> None:
        if info.network != "unix":
            log.error("the host's services listen on %r, not on a unix socket", info.network)
            return
        waiting = self._waiting.get(info.service_id)
        if waiting is not None and not waiting.done():
            waiting.set_result(info.address)
            return
        self._addresses[info.service_id] = info.address
        loop = asyncio.get_running_loop()
        loop.call_later(PATIENCE, self._addresses.pop, info.service_id, None)

    async def _wait(self, broker_id: int, timeout: float) -> str:
        waiting = self._waiting[broker_id] = asyncio.get_running_loop().create_future()
        try:
            return await asyncio.wait_for(waiting, timeout)
        except TimeoutError:
            raise TimeoutError(
                f"the host named no address for broker id {broker_id} within {timeout:g} s"
            ) from None
        finally:
            del self._waiting[broker_id]
