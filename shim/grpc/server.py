"""The gRPC server: methods by path, listeners, and the connections they accept."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

from shim.grpc.bare import Bare
from shim.grpc.incoming import StreamCall, UnaryCall
from shim.grpc.limits import Limits
from shim.grpc.server_link import ServerLink
from shim.grpc.tls import Tls

if TYPE_CHECKING:
    import ssl
    from collections.abc import Awaitable, Callable

    from shim.grpc.call import Call, Stream
    from shim.grpc.method import Method, Rep, Req
    from shim.grpc.server_link import Route


def _not_at_once(*_: object) -> None:
    """Leave it to the handler."""


class Server:
    """Serves gRPC over HTTP/2, on any number of listeners.

    `on_connections` is told the number of live connections (TLS handshake done) whenever it
    changes. A handler's exception other than RpcError is answered UNKNOWN, with no more than
    the name of its type, and goes to `on_error` with the method's path.
    """

    def __init__(
        self,
        *,
        limits: Limits | None = None,
        on_connections: Callable[[int], None] | None = None,
        on_error: Callable[[str, BaseException], None] | None = None,
    ) -> None:
        self._limits = limits or Limits()
        self._on_connections = on_connections
        self._on_error = on_error
        self._routes: dict[str, Route] = {}
        self._links: set[ServerLink] = set()
        self._listeners: list[asyncio.Server] = []
        self._paths: list[Path] = []
        self._empty = asyncio.Event()
        self._empty.set()

    def unary(
        self,
        method: Method[Req, Rep],
        handler: Callable[[Req, Call], Awaitable[Rep]],
        at_once: Callable[[Req, Call], Rep | None] = _not_at_once,
        at_sight: Callable[[bytes, Call], Rep | None] = _not_at_once,
    ) -> None:
        """Serve `method`, one message in and one out, by `handler`.

        What `at_once` answers (other than None) is sent without a task for the handler, which
        costs more than a short answer does. What `at_sight` answers to the beginning of a message
        of more than a MiB is sent at once, and the rest of the message is not taken.
        """
        self._routes[method.path] = lambda link, stream, call, encoding: UnaryCall(
            link, stream, call, method, encoding, handler, at_once, at_sight
        )

    def stream(
        self, method: Method[Req, Rep], handler: Callable[[Stream[Req, Rep], Call], Awaitable[None]]
    ) -> None:
        """Serve `method`, a stream in either or both directions, by `handler`."""
        self._routes[method.path] = lambda link, stream, call, encoding: StreamCall(
            link, stream, call, method, encoding, handler
        )

    async def listen_unix(self, path: str, tls: ssl.SSLContext | None = None) -> None:
        """Listen on a unix socket, which is removed when the server closes; raises OSError."""
        loop = asyncio.get_running_loop()
        listener = await loop.create_unix_server(self._protocol(tls), path)
        self._listeners.append(listener)
        self._paths.append(Path(path))

    async def listen_tcp(self, host: str, port: int, tls: ssl.SSLContext | None = None) -> int:
        """Listen on a TCP port, 0 for any free one; gives the port. Raises OSError."""
        loop = asyncio.get_running_loop()
        listener = await loop.create_server(self._protocol(tls), host, port)
        self._listeners.append(listener)
        bound: int = listener.sockets[0].getsockname()[1]
        return bound

    def _protocol(self, tls: ssl.SSLContext | None) -> Callable[[], asyncio.BaseProtocol]:
        """What makes the protocol of an accepted connection."""
        if tls is None:
            return lambda: Bare(self._accept())
        tls.set_alpn_protocols(["h2"])
        return lambda: Tls(tls, self._accept(), self._limits.greeting_timeout)

    def _accept(self) -> ServerLink:
        return ServerLink(
            self._routes,
            self._limits,
            asyncio.get_running_loop(),
            self._connected,
            self._disconnected,
            self._on_error,
        )

    def _connected(self, link: ServerLink) -> None:
        self._links.add(link)
        self._empty.clear()
        if self._on_connections is not None:
            self._on_connections(len(self._links))

    def _disconnected(self, link: ServerLink) -> None:
        self._links.discard(link)
        if not self._links:
            self._empty.set()
        if self._on_connections is not None:
            self._on_connections(len(self._links))

    async def drain(self, grace: float) -> None:
        """Stop listening, let the calls at hand end for up to `grace` seconds, then cut them."""
        self._stop_listening()
        for link in list(self._links):
            link.drain()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(grace):
                await self._empty.wait()
        self.close()

    def close(self) -> None:
        """End everything at once."""
        self._stop_listening()
        for link in list(self._links):
            link.close()

    def _stop_listening(self) -> None:
        for listener in self._listeners:
            listener.close()
        self._listeners.clear()
        for path in self._paths:
            path.unlink(missing_ok=True)
        self._paths.clear()
