"""The server's end of one connection: requests to calls."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias

from shim import http2
from shim.grpc.account import Account
from shim.grpc.answered import PING, Answered
from shim.grpc.call import Call
from shim.grpc.link import Link
from shim.grpc.metadata import decode_timeout, is_grpc
from shim.grpc.status import Status, status_fields

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Mapping

    from shim.grpc.limits import Limits
    from shim.grpc.owner import ServerOwner

#: makes the call of a method
Route: TypeAlias = "Callable[[ServerLink, http2.Stream, Call, str], ServerOwner]"

#: seconds between two PINGs that ask whether answers were taken: each wakes both ends
_APART: Final = 0.05
_GRPC: Final = ("content-type", "application/grpc")


class ServerLink(Link):
    """One accepted connection and its calls."""

    def __init__(
        self,
        routes: Mapping[str, Route],
        limits: Limits,
        loop: asyncio.AbstractEventLoop,
        on_made: Callable[[ServerLink], None],
        on_gone: Callable[[ServerLink], None],
        on_error: Callable[[str, BaseException], None] | None,
    ) -> None:
        super().__init__(http2.Role.SERVER, limits, loop)
        self._routes = routes
        self._on_made = on_made
        self._on_gone = on_gone
        self._on_error = on_error
        self._calls: set[ServerOwner] = set()
        self._unconfirmed = Answered()
        self._asked_at = -_APART
        self._ask_watch: asyncio.TimerHandle | None = None
        self._accounts: dict[str, Account] = {}
        self._receiving = False
        self._answered = False  # while receiving, and not yet written
        self._handlers = {
            http2.RequestReceived: self._on_request,
            http2.DataReceived: self._on_data,
            http2.TrailersReceived: self._on_trailers,
            http2.StreamReset: self._on_reset,
            http2.LateReset: self._on_late_reset,
            http2.SettingsReceived: _ignore,
            http2.PingAcknowledged: self._on_acknowledged,
            http2.GoawayReceived: _ignore,
            http2.ConnectionFailed: self._on_failed,
        }

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Count the connection and start."""
        self._on_made(self)
        super().connection_made(transport)

    def data_received(self, data: bytes) -> None:
        """As every link; a draining one closes when nothing is left to do."""
        self._receiving = True
        super().data_received(data)
        self._receiving = False
        if self._answered:
            self._answered = False
            self.flush_call()
        if self.core.draining:
            self._close_if_done()

    def on_lost(self, cause: Exception | None) -> None:
        """Stop every handler of the connection."""
        if self._ask_watch is not None:
            self._ask_watch.cancel()
        for stream in list(self.core.live.values()):
            if stream.owner is not None:
                stream.owner.cancel()
        self._on_gone(self)

    def drain(self) -> None:
        """Take no new calls; close after the last."""
        self.core.drain()
        self.flush()

    def _close_if_done(self) -> None:
        if self.core.settled and not self.core.live and not self._calls and not self.lost:
            self.close()

    # For calls

    def account_of(self, stream: http2.Stream) -> Account:
        """Who pays: what the metadata of the call names, or the connection."""
        key = self.limits.payer
        if not key:
            return self.account
        names: list[str] = stream.owner.values(key)
        return self._accounts.setdefault(names[0] if names else "", Account())

    def call_begun(self, call: ServerOwner) -> None:
        """Note a call whose handler runs from now on."""
        self._calls.add(call)

    def call_over(self, call: ServerOwner) -> None:
        """Note a call whose handler has ended, which may be long after its answer."""
        self._calls.discard(call)
        if self.core.draining:
            self._close_if_done()

    def flush_call(self) -> None:
        """Write an answer: at once for a lone call, else with those of the others.

        What is answered while requests are still being read waits for the last of them.
        """
        if self._receiving:
            self._answered = True
        elif len(self._calls) > 1:
            self.flush_soon()
        else:
            self.flush()

    def remember(self, stream: http2.Stream, call: Call) -> None:
        """Keep in mind a call whose whole answer is framed, until the client has surely seen it."""
        self._unconfirmed.add(stream.id, call)
        if self._ask_watch is None and not self._unconfirmed.waiting:
            self._ask_soon()

    def _ask_soon(self) -> None:
        """Ask by a PING: with the answer at hand, or alone, where one was sent just now."""
        wait = self._asked_at + _APART - self.loop.time()
        if wait > 0:
            self._ask_watch = self.loop.call_later(wait, self._ask)
        else:
            self._ask()

    def _ask(self) -> None:
        self._ask_watch = None
        if not self.lost and self._unconfirmed.ask():
            self._asked_at = self.loop.time()
            self.core.ping(PING)
            self.flush_call()

    def report(self, path: str, error: BaseException) -> None:
        """Hand a handler's exception to the server's hook."""
        if self._on_error is not None:
            self._on_error(path, error)

    # Events

    def _on_request(self, event: http2.RequestReceived) -> None:
        stream, fields, ended = event
        if stream.closed:
            return  # reset by what came right behind it
        if len(self._calls) >= self.limits.max_concurrent_streams:
            # Cancelled calls count until their handlers have ended: otherwise a client that
            # resets each call at once could have any number of them running.
            self.core.reset(stream, http2.ErrorCode.REFUSED_STREAM)
            return
        found = dict(fields)
        path = found[":path"]
        problem = _refusal(found)
        if problem is not None:
            self._refuse(stream, *problem)
            return
        deadline: float | None = None
        timeout = found.get("grpc-timeout")
        if timeout is not None:
            try:
                deadline = self.loop.time() + decode_timeout(timeout)
            except ValueError as error:
                self._refuse(stream, "400", Status.INTERNAL, f"malformed grpc-timeout: {error}")
                return
        route = self._routes.get(path)
        if route is None:
            self._refuse(stream, "200", Status.UNIMPLEMENTED, self._unknown(path))
            return
        call = Call(fields, deadline, self)
        incoming = route(self, stream, call, found.get("grpc-encoding", ""))
        stream.owner = incoming
        if ended:
            incoming.on_data(memoryview(b""), True)

    def _refuse(self, stream: http2.Stream, http: str, code: Status, message: str) -> None:
        """Answer before there is a call."""
        block = http2.encode([(":status", http), _GRPC, *status_fields(code, message)])
        self.core.send_headers(stream, block, end=True)

    def _unknown(self, path: str) -> str:
        """Why there is no such method, in grpc-go's words."""
        service, slash, name = path.removeprefix("/").rpartition("/")
        if not slash:
            return f'malformed method name: "{path}"'
        if any(known.startswith(f"/{service}/") for known in self._routes):
            return f"unknown method {name} for service {service}"
        return f"unknown service {service}"

    def _on_data(self, event: http2.DataReceived) -> None:
        stream, data, ended = event
        if stream.owner is None:
            self.core.acknowledge(stream, len(data))
        else:
            stream.owner.on_data(data, ended)

    def _on_trailers(self, event: http2.TrailersReceived) -> None:
        if event.stream.owner is not None:
            event.stream.owner.on_data(memoryview(b""), True)

    def _on_reset(self, event: http2.StreamReset) -> None:
        if event.stream.owner is not None:
            event.stream.owner.cancel()

    def _on_late_reset(self, event: http2.LateReset) -> None:
        if event.code != http2.ErrorCode.NO_ERROR:
            self._unconfirmed.reset(event.stream_id)

    def _on_acknowledged(self, event: http2.PingAcknowledged) -> None:
        unconfirmed = self._unconfirmed
        if event.payload == PING and unconfirmed.waiting and unconfirmed.acknowledged():
            self._ask_soon()

    def _on_failed(self, event: http2.ConnectionFailed) -> None:
        self.blame(f"it broke HTTP/2: {event.reason}")


def _refusal(found: dict[str, str]) -> tuple[str, Status, str] | None:
    """What is wrong with a request for gRPC, if anything: HTTP status, code, message."""
    content_type = found.get("content-type", "")
    if not is_grpc(content_type):
        return (
            "415",
            Status.INVALID_ARGUMENT,
            f'invalid gRPC request content-type "{content_type}"',
        )
    method = found[":method"]
    if method != "POST":
        return (
            "405",
            Status.INTERNAL,
            f'Received a HEADERS frame with :method "{method}" which should be POST',
        )
    return None


def _ignore(event: http2.Event) -> None:
    """Nothing to do for a server."""
