"""The gRPC channel: calls over one warm connection, redialled when it is lost."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from shim import http2
from shim.grpc.client_link import ClientLink
from shim.grpc.dial import Target, certified, dial
from shim.grpc.limits import Limits
from shim.grpc.messages import encode_message
from shim.grpc.metadata import Metadata, check_metadata, encode_timeout
from shim.grpc.outgoing import ClientStream, Streaming, UnaryExchange, Unprocessed
from shim.grpc.patience import Patience
from shim.grpc.status import RpcError, Status

if TYPE_CHECKING:
    import ssl
    from collections.abc import Awaitable
    from typing import Self, TypeVar

    from shim.grpc.keepalive import Keepalive
    from shim.grpc.method import Method, Rep, Req

    _T = TypeVar("_T")

_USER_AGENT: Final = "grpc-python-shim/1"
#: how often a call that no server began is tried
_ATTEMPTS: Final = 5


class Channel:
    """A client of one server.

    It connects at the first call. Concurrent calls share one dial and one connection. A call
    that the server surely did not begin (never sent, refused, or beyond a GOAWAY's last stream)
    is sent again; any other is never sent twice. Every call ends: by the answer, its deadline,
    or the loss of the connection.
    """

    def __init__(
        self,
        target: Target,
        *,
        tls: ssl.SSLContext | None,
        server_hostname: str | None,
        authority: str,
        limits: Limits | None,
        patience: Patience | None,
        keepalive: Keepalive | None,
    ) -> None:
        if tls is not None:
            tls.set_alpn_protocols(["h2"])
        self._target = target
        self._tls = tls
        self._server_hostname = server_hostname
        self._limits = limits or Limits()
        self._patience = patience or Patience()
        self._keepalive = keepalive
        self._authority = authority
        self._blocks: dict[str, bytes] = {}
        self._link: ClientLink | None = None
        self._dialing: asyncio.Task[ClientLink] | None = None
        self._links: set[ClientLink] = set()
        self._closed = False
        #: dials that have succeeded so far
        self.connections = 0

    @classmethod
    def unix(
        cls,
        path: str,
        *,
        tls: ssl.SSLContext | None = None,
        server_hostname: str = "localhost",
        limits: Limits | None = None,
        patience: Patience | None = None,
        keepalive: Keepalive | None = None,
    ) -> Self:
        """A channel to a unix socket. Times in seconds."""
        return cls(
            Target(path=path),
            tls=tls,
            server_hostname=server_hostname,
            authority="localhost",
            limits=limits,
            patience=patience,
            keepalive=keepalive,
        )

    @classmethod
    def tcp(
        cls,
        host: str,
        port: int,
        *,
        tls: ssl.SSLContext | None = None,
        server_hostname: str | None = None,
        authority: str | None = None,
        limits: Limits | None = None,
        patience: Patience | None = None,
        keepalive: Keepalive | None = None,
    ) -> Self:
        """A channel to a TCP port. `server_hostname` (default `host`) is what TLS verifies.

        `authority` (default host and port) is what the server is told that it is.
        """
        target = Target(host=host, port=port)
        return cls(
            target,
            tls=tls,
            server_hostname=certified(server_hostname or host),
            authority=authority or target.authority,
            limits=limits,
            patience=patience,
            keepalive=keepalive,
        )

    @property
    def connected(self) -> bool:
        """Whether there is a connection that takes calls, as far as is known."""
        return self._at_hand is not None

    @property
    def _at_hand(self) -> ClientLink | None:
        """The connection, where it needs no proof."""
        link = self._link
        return link if link is not None and link.at_hand else None

    async def connect(self, timeout: float | None = None) -> None:
        """Have a live connection, within `timeout` seconds. Calls do this by themselves.

        Raises RpcError(UNAVAILABLE) when the dial fails, DEADLINE_EXCEEDED.
        """
        await self._connection(self._deadline(timeout))

    async def unary(
        self,
        method: Method[Req, Rep],
        request: Req,
        *,
        timeout: float | None = None,
        metadata: Metadata = (),
        outlives: bool = False,
    ) -> Rep:
        """One message out, one in. `timeout` in seconds covers all, dialling included.

        A call that `outlives` its caller goes on once it is sent, though the task is cancelled:
        the answer comes as if it were not, and ``asyncio.Task.cancelling`` tells.

        Raises RpcError with the server's status, or UNAVAILABLE, DEADLINE_EXCEEDED.
        """
        check_metadata(metadata)
        body = encode_message(request)
        deadline = self._deadline(timeout)
        attempt = 1
        while True:
            link = self._at_hand
            if link is not None and link.core.can_open:  # nothing to wait for
                stream = link.core.open()
            else:
                link, stream = await self._open(deadline)
            call = UnaryExchange(link, stream, method, deadline)
            link.begin(stream, call, self._block(method.path, deadline, metadata), body)
            try:
                return await (call.outlived() if outlives else call.answer)
            except asyncio.CancelledError:
                call.cancel()
                raise
            except Unprocessed:
                if attempt == _ATTEMPTS or (outlives and _given_up()):
                    raise
                attempt += 1

    def stream(
        self,
        method: Method[Req, Rep],
        *,
        timeout: float | None = None,
        metadata: Metadata = (),
    ) -> Streaming[Req, Rep]:
        """A streaming call, ``async with``; leaving the context cancels it unless it is over."""
        check_metadata(metadata)
        return Streaming(self._begin(method, self._deadline(timeout), metadata))

    async def _begin(
        self, method: Method[Req, Rep], deadline: float | None, metadata: Metadata
    ) -> ClientStream[Req, Rep]:
        link, stream = await self._open(deadline)
        call = ClientStream(link, stream, method, deadline)
        link.begin(stream, call, self._block(method.path, deadline, metadata), None)
        return call

    async def close(self) -> None:
        """Close the connection; calls at hand end with UNAVAILABLE. The channel is done for."""
        self._closed = True
        if self._dialing is not None:
            self._dialing.cancel()
            await asyncio.wait([self._dialing])
        self._link = None
        for link in list(self._links):
            link.close()

    def _deadline(self, timeout: float | None) -> float | None:
        if timeout is None:
            return None
        if timeout <= 0:
            raise _late()
        return asyncio.get_running_loop().time() + timeout

    def _block(self, path: str, deadline: float | None, metadata: Metadata) -> bytes:
        """The header block of a call; what never changes of it is encoded once."""
        block = self._blocks.get(path)
        if block is None:
            block = self._blocks[path] = http2.encode(
                [
                    (":method", "POST"),
                    (":scheme", "http" if self._tls is None else "https"),
                    (":path", path),
                    (":authority", self._authority),
                    ("te", "trailers"),
                    ("content-type", "application/grpc"),
                    ("user-agent", _USER_AGENT),
                ]
            )
        if deadline is not None:
            left = deadline - asyncio.get_running_loop().time()
            block += http2.encode_literal("grpc-timeout", encode_timeout(left))
        for name, value in metadata:
            block += http2.encode_literal(name, value)
        return block

    async def _open(self, deadline: float | None) -> tuple[ClientLink, http2.Stream]:
        """A new stream on a live connection."""
        for _ in range(_ATTEMPTS):
            link = await self._connection(deadline)
            if not link.core.can_open:
                await _until(deadline, link.slot())
            if link.usable and link.core.can_open:
                return link, link.core.open()
        raise RpcError(Status.UNAVAILABLE, f"{self._target}: connections end as soon as they begin")

    async def _connection(self, deadline: float | None) -> ClientLink:
        """The connection at hand, or a new one, which may have ended again."""
        link = self._link
        if link is not None and await _until(deadline, link.prove()):
            return link
        return await _until(deadline, asyncio.shield(self._dial()))

    def _dial(self) -> asyncio.Task[ClientLink]:
        """The dial at hand, or a new one."""
        if self._closed:
            raise RpcError(Status.UNAVAILABLE, f"{self._target}: the channel is closed")
        if self._dialing is None:
            self._dialing = asyncio.get_running_loop().create_task(self._redial())
            self._dialing.add_done_callback(_heed)
        return self._dialing

    async def _redial(self) -> ClientLink:
        """Dial, and take note of the outcome before anyone can see that the task is done."""
        try:
            link = await dial(
                self._target,
                self._make_link,
                self._tls,
                self._server_hostname,
                self._patience,
            )
        finally:
            self._dialing = None
        self._link = link
        if not link.lost:
            self._links.add(link)
        self.connections += 1
        return link

    def _make_link(self) -> ClientLink:
        return ClientLink(
            str(self._target),
            self._limits,
            self._keepalive,
            asyncio.get_running_loop(),
            self._over,
        )

    def _over(self, link: ClientLink) -> None:
        """A connection takes no new calls."""
        if link.lost:
            self._links.discard(link)
        if link.scolded and self._keepalive is not None and self._link is link:
            self._keepalive = self._keepalive.slower()
        if self._link is link:
            self._link = None


def _heed(dialing: asyncio.Task[ClientLink]) -> None:
    """Look at a failure that every caller was gone for: asyncio would complain of it."""
    if not dialing.cancelled():
        dialing.exception()


def _given_up() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _late() -> RpcError:
    return RpcError(Status.DEADLINE_EXCEEDED, "context deadline exceeded")


async def _until(deadline: float | None, awaitable: Awaitable[_T]) -> _T:
    try:
        async with asyncio.timeout_at(deadline):
            return await awaitable
    except TimeoutError:
        raise _late() from None
