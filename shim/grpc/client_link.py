"""The client's end of one connection."""

from __future__ import annotations

import asyncio
from collections import deque
from time import monotonic
from typing import TYPE_CHECKING, Final

from shim import http2
from shim.grpc.inbox import wake
from shim.grpc.keepalive import Keepalive, Pings
from shim.grpc.link import Link

if TYPE_CHECKING:
    from collections.abc import Callable

    from shim.grpc.limits import Limits
    from shim.grpc.owner import ClientOwner

_ALIVE: Final = b"alive?\0\0"  # opaque data of our PINGs
_TOO_MANY: Final = b"too_many_pings"  # what grpc-go's GOAWAY says of them


class ClientLink(Link):
    """One dialled connection and its calls.

    `ready` is done when the server's SETTINGS have come, or failed with the reason: only then
    has a TLS 1.3 server had its say about our certificate.
    """

    def __init__(
        self,
        address: str,
        limits: Limits,
        keepalive: Keepalive | None,
        loop: asyncio.AbstractEventLoop,
        on_over: Callable[[ClientLink], None],
    ) -> None:
        super().__init__(http2.Role.CLIENT, limits, loop)
        self.ready: asyncio.Future[None] = loop.create_future()
        self.peer = address
        self._keepalive = keepalive
        self._on_over = on_over
        #: whether the server said that we PING too much
        self.scolded = False
        self._pings = Pings()
        self._beat: asyncio.TimerHandle | None = None
        self._rest: asyncio.TimerHandle | None = None
        self._proof: asyncio.Future[None] | None = None
        self._frames_before = 0
        self._begun = 0  # calls so far
        self._retired = False  # it takes no new calls
        self._slots: deque[asyncio.Future[None]] = deque()
        self._handlers = {
            http2.ResponseReceived: self._on_response,
            http2.DataReceived: self._on_data,
            http2.TrailersReceived: self._on_trailers,
            http2.StreamReset: self._on_reset,
            http2.SettingsReceived: self._on_settings,
            http2.PingAcknowledged: self._on_acknowledged,
            http2.GoawayReceived: self._on_goaway,
            http2.ConnectionFailed: self._on_failed,
        }

    @property
    def usable(self) -> bool:
        """Whether new calls may be tried here."""
        return (
            not self.lost
            and not self._retired
            and not self.core.exhausted
            and not self.transport.is_closing()
        )

    @property
    def at_hand(self) -> bool:
        """Whether a call may be sent here unproven: the server was heard just now."""
        keepalive = self._keepalive
        return self.usable and (keepalive is None or monotonic() - self.heard < keepalive.fresh)

    async def prove(self) -> bool:
        """Whether the server is still there, asked by a PING. One stands for all who ask.

        Where none may be sent now, nothing is proven: a new connection costs less than a call
        that goes nowhere, and a server that answers PINGs but no calls is left by it, too.
        """
        keepalive = self._keepalive
        if keepalive is None or self.at_hand or not self.usable:
            return self.usable
        if self._proof is None:
            if not self._ping() and self._pings.last < self.heard:
                self._retire()
                self._close_if_done()
                return False
            self._proof = self.loop.create_future()
            self.loop.call_later(keepalive.proof, self._unproven, self._proof)
        await asyncio.shield(self._proof)
        return self.usable

    def _unproven(self, proof: asyncio.Future[None]) -> None:
        """Give up who gave no proof in time."""
        if self._proof is not proof:
            return
        if not self.lost:
            self._retire()
            if not self.core.live:
                self.cut("no sign of life after it was idle")
        self._proven()

    def _retire(self) -> None:
        """Take no new calls; those at hand may go on."""
        self._retired = True
        self._on_over(self)
        self._wake_all()

    def _proven(self) -> None:
        """End the wait for a proof, whichever way it went."""
        wake(self._proof)
        self._proof = None

    def _ping(self) -> bool:
        """Ask for a sign of life, unless that would be once too often."""
        if not self._pings.spend(monotonic()):
            return False
        self.core.ping(_ALIVE)
        self.flush()
        return True

    def _dumb(self, patience: float) -> bool:
        """Whether nothing has come since the last PING, which is `patience` seconds ago or more."""
        last = self._pings.last
        return last > self.heard and monotonic() - last >= patience

    def handshake_failed(self, cause: Exception) -> None:
        """Tell whoever dials."""
        super().handshake_failed(cause)
        if not self.ready.done():
            self.ready.set_exception(cause)

    async def slot(self) -> None:
        """Wait until the server takes one more call, or this connection no longer does."""
        while self.usable and not self.core.can_open:
            waiter = self.loop.create_future()
            self._slots.append(waiter)
            try:
                await waiter
            finally:
                if waiter in self._slots:
                    self._slots.remove(waiter)

    def begin(
        self,
        stream: http2.Stream,
        call: ClientOwner,
        block: bytes,
        body: tuple[bytes, ...] | None,
    ) -> None:
        """Give `stream` to `call`; send its header block and, of a unary call, its whole body."""
        stream.owner = call
        if body is None:
            self.core.send_headers(stream, block)
        else:
            self.core.send_whole(stream, block, body)
        if len(self.core.live) > 1:
            self.flush_soon()  # with those of the others
        else:
            self.flush()
        self._frames_before = self.core.frames_received
        self._begun += 1
        if self._keepalive is not None and self._beat is None:
            self._beat = self.loop.call_later(
                self._keepalive.waiting, self._check_alive, self.core.frames_received
            )

    def call_over(self) -> None:
        """A call has ended: the next one waiting may go, a draining connection close."""
        while self._slots and self.core.can_open:
            waiter = self._slots.popleft()
            if not waiter.done():
                waiter.set_result(None)
                break
        self._close_if_done()

    def _close_if_done(self) -> None:
        over = self._retired or self.core.exhausted
        if over and not self.core.live and not self.lost:
            self.close()

    def on_lost(self, cause: Exception | None) -> None:
        """End every call and let every waiter look again."""
        reason = self.cut_reason or _words(cause)
        if not self.ready.done():
            self.ready.set_exception(
                ConnectionError(self.cut_reason) if self.cut_reason else cause or _closed_early()
            )
        for watch in (self._beat, self._rest):
            if watch is not None:
                watch.cancel()
        self._on_over(self)
        self._proven()
        for stream in list(self.core.live.values()):
            if stream.owner is not None:
                stream.owner.on_lost(f"{self.peer}: {reason}")
        self._wake_all()

    def _wake_all(self) -> None:
        """Let who waits for room look again: there is none here."""
        for waiter in self._slots:
            wake(waiter)

    def _check_alive(self, frames_then: int) -> None:
        """PING a server that is silent while calls wait; cut one that stays so.

        One that has said nothing at all since the last call began is not let off because that was
        given up meanwhile: the next would meet the same silence.
        """
        self._beat = None
        silent = self.core.frames_received == frames_then
        doubted = self.core.frames_received == self._frames_before
        if self._keepalive is None or not (self.core.live or doubted):
            return
        if silent:
            if self._dumb(self._keepalive.waiting):  # the PING may be a proof's, and just sent
                self.cut("no sign of life, though it was asked for one")
                return
            if self._pings.last <= self.heard:
                self._ping()
        self._beat = self.loop.call_later(
            self._keepalive.waiting, self._check_alive, self.core.frames_received
        )

    def _check_rest(self, begun_then: int, used: float) -> None:
        """Keep a connection alive that has no calls; close one that has had none for long."""
        keepalive = self._keepalive
        assert keepalive is not None  # noqa: S101  who calls this has asked
        now = monotonic()
        if self._begun != begun_then or self.core.live:
            used = now
        if now - used >= keepalive.unused:
            self.close()
            return
        if not self.core.live and now - self.heard >= keepalive.idle / 2:
            if self._dumb(keepalive.proof):
                self.cut("no sign of life while it was idle")
                return
            self._ping()
        self._rest = self.loop.call_later(keepalive.idle, self._check_rest, self._begun, used)

    # Events

    def _on_response(self, event: http2.ResponseReceived) -> None:
        self._pings.answered()
        owner: ClientOwner | None = event.stream.owner
        if owner is not None:
            owner.on_response(event.fields, event.ended)

    def _on_data(self, event: http2.DataReceived) -> None:
        event.stream.owner.on_data(event.data, event.ended)

    def _on_trailers(self, event: http2.TrailersReceived) -> None:
        event.stream.owner.on_trailers(event.fields)

    def _on_reset(self, event: http2.StreamReset) -> None:
        event.stream.owner.on_reset(event)

    def _on_settings(self, event: http2.SettingsReceived) -> None:
        if event.first and not self.ready.done():
            self.ready.set_result(None)
            if self._keepalive is not None:
                self._rest = self.loop.call_later(
                    self._keepalive.idle, self._check_rest, self._begun, self.heard
                )
        self.call_over()  # there may be more room for calls now

    def _on_acknowledged(self, event: http2.PingAcknowledged) -> None:
        self._proven()

    def _on_goaway(self, event: http2.GoawayReceived) -> None:
        self.scolded = event.debug == _TOO_MANY
        self._on_over(self)
        self._wake_all()
        self._close_if_done()

    def _on_failed(self, event: http2.ConnectionFailed) -> None:
        fault = "the server broke HTTP/2" if self.core.greeted else "this is no HTTP/2 server"
        self.blame(f"{fault}: {event.reason}")


def _closed_early() -> ConnectionError:
    return ConnectionError("closed by the server before HTTP/2 began: no such service, or TLS")


def _words(cause: Exception | None) -> str:
    return "connection lost" if cause is None else f"connection lost: {cause}"
