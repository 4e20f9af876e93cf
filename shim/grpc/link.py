"""One connection on asyncio: the HTTP/2 core between a transport and the calls on it.

A `Link` moves bytes and watches the peer; what events mean is its heirs' (server, client).
"""

from __future__ import annotations

import logging
import socket
from time import monotonic
from typing import TYPE_CHECKING, Final, cast

from shim import http2
from shim.grpc.account import Account

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from shim.grpc.limits import Limits
    from shim.grpc.owner import Owner


log = logging.getLogger(__name__)

#: seconds until a PING is answered alone. grpc-go sends one for about every answer it gets, and the
#: next answer, or call, takes ours along
_PATIENCE: Final = 0.02
#: seconds that a call may hear late of its deadline, so that many do with one look at all
_TOGETHER: Final = 0.02


class Link:
    """What lies on one transport."""

    #: who is at the other end, for the log
    peer = "a client"

    def __init__(self, role: http2.Role, limits: Limits, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.limits = limits
        self.core = http2.Connection(role, limits, monotonic())
        #: pays for what calls hold, where they have no other payer
        self.account = Account()
        self.lost = False
        #: when the peer's last bytes came, by the monotonic clock
        self.heard = monotonic()
        #: bytes handed to the socket; TLS adds its own
        self.written = 0
        #: why we cut the connection, where we did
        self.cut_reason = ""
        self.transport: asyncio.Transport
        self._paused = False
        self._flush_due = False
        self._write_watch: asyncio.TimerHandle | None = None
        self._read_watch: asyncio.TimerHandle | None = None
        self._acknowledge_watch: asyncio.TimerHandle | None = None
        self._deadline_watch: asyncio.TimerHandle | None = None
        self._handlers: dict[type, Callable[..., None]] = {}

    # For the layer below

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start: our preface goes out, the peer's is awaited."""
        self.transport = cast("asyncio.Transport", transport)
        self.transport.set_write_buffer_limits(high=self.limits.write_chunk)
        sock = transport.get_extra_info("socket")
        if sock is not None and sock.family != socket.AF_UNIX:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        tls = transport.get_extra_info("ssl_object")
        if tls is not None and tls.selected_alpn_protocol() != "h2":
            self.cut("the peer did not choose h2 by ALPN")
            return
        self._read_watch = self.loop.call_later(self.limits.greeting_timeout, self._check_greeting)
        self.flush()

    def handshake_failed(self, cause: Exception) -> None:
        """TLS did not come about; `connection_made` will not be called."""
        self.lost = True

    def data_received(self, data: bytes) -> None:
        """Hand the peer's bytes to the core and its events to their handlers."""
        handlers = self._handlers
        core = self.core
        self.heard = monotonic()
        for event in core.receive(data, self.heard):
            handlers[type(event)](event)
        if core.failed:
            self._flush_and_close()
            return
        if core.unfinished and self._read_watch is None:
            self._watch_read()
        if core.busy:
            # Soon, not now: a call that is answered in this turn takes our replies along.
            self.flush_soon()
        else:
            self._acknowledge_soon()

    def eof_received(self) -> bool:
        """Half-closed connections are none of HTTP/2's: close, once what waits is taken."""
        if self._write_watch is None:
            self._watch_write()
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """The transport is gone."""
        self.lost = True
        self.core.goodbye()
        for watch in (
            self._write_watch,
            self._read_watch,
            self._acknowledge_watch,
            self._deadline_watch,
        ):
            if watch is not None:
                watch.cancel()
        self._write_watch = self._read_watch = None
        self._acknowledge_watch = self._deadline_watch = None
        self.on_lost(exc)

    def pause_writing(self) -> None:
        """The peer reads slower than we write. We go on reading: it may wait for just that."""
        self._paused = True
        if self._write_watch is None and not self.lost:
            self._watch_write()

    def resume_writing(self) -> None:
        """The transport has room again."""
        self._paused = False
        self.flush()
        self._acknowledge()

    # For heirs and calls

    def account_of(self, stream: http2.Stream) -> Account:
        """Who pays for what the call of a stream holds."""
        del stream
        return self.account

    def on_lost(self, cause: Exception | None) -> None:
        """The connection is gone; every call on it must end. For heirs."""

    def flush(self) -> None:
        """Write what may be written now."""
        self._flush_due = False
        core = self.core
        while core.ready and not self._paused and not self.lost:
            self._write(core.take(self.limits.write_chunk))
        self._acknowledge_soon()
        for stream in core.take_drained():
            if stream.owner is not None:
                stream.owner.on_drained()
        if self._write_watch is None and (self._paused or core.waiting) and not self.lost:
            self._watch_write()

    def _acknowledge_soon(self) -> None:
        """See to it that PINGs are answered, should nothing take the answers along."""
        if self.core.acknowledges and self._acknowledge_watch is None and not self.lost:
            self._acknowledge_watch = self.loop.call_later(_PATIENCE, self._acknowledge)

    def _acknowledge(self) -> None:
        """Answer PINGs that nothing took along."""
        if self.core.acknowledges and not self._paused and not self.lost:
            self._write(self.core.take(0))

    def _write(self, data: bytearray) -> None:
        if self._acknowledge_watch is not None:
            self._acknowledge_watch.cancel()
            self._acknowledge_watch = None
        self.written += len(data)
        self.transport.write(data)

    def flush_soon(self) -> None:
        """Write at the end of this turn of the loop, once for all that it sends."""
        if not self._flush_due:
            self._flush_due = True
            self.loop.call_soon(self.flush)

    def cut(self, reason: str) -> None:
        """End the connection at once, unsent output and all."""
        self.core.goodbye()
        self.blame(reason)
        self.transport.abort()

    def blame(self, reason: str) -> None:
        """Log why we cut the connection, and keep it for the calls; the first reason counts."""
        if not self.cut_reason:
            self.cut_reason = reason
            log.warning("the connection with %s was cut: %s", self.peer, reason)

    def _flush_and_close(self) -> None:
        """Write the last words and close; a peer that does not take them is cut off."""
        if not self.lost:
            self._write(self.core.take(0))
            self.transport.close()
            if self._write_watch is None:
                self._watch_write()

    def close(self) -> None:
        """Say GOAWAY and close."""
        self.core.goodbye()
        self._flush_and_close()

    # Deadlines

    def watch_deadline(self, deadline: float) -> None:
        """See to it that the calls that live at `deadline`, the loop's time, hear of theirs.

        One timer for them all: most calls end long before, and a timer costs as much as a frame.
        """
        watch = self._deadline_watch
        if watch is None or deadline < watch.when():
            if watch is not None:
                watch.cancel()
            self._deadline_watch = self.loop.call_at(deadline, self._check_deadlines, deadline)

    def _check_deadlines(self, due: float) -> None:
        self._deadline_watch = None
        live = self.core.live.values()
        calls: list[Owner] = [stream.owner for stream in live if stream.owner is not None]
        for call in calls:
            if call.deadline is not None and call.deadline <= due:
                call.expire()
        later = [call.deadline for call in calls if call.deadline is not None]
        if later:
            self.watch_deadline(max(min(later), self.loop.time() + _TOGETHER))

    # Slow peers

    def _check_greeting(self) -> None:
        self._read_watch = None
        if not self.core.greeted:
            self.cut("no SETTINGS in time")
        elif self.core.unfinished:
            self._watch_read()

    def _watch_read(self) -> None:
        self._read_watch = self.loop.call_later(
            self.limits.frame_timeout, self._check_read, self.core.frames_received
        )

    def _check_read(self, frames_then: int) -> None:
        """Cut a peer that began a frame or a header block and does not go on."""
        self._read_watch = None
        if not self.core.unfinished:
            return
        if self.core.frames_received == frames_then:
            self.cut("a frame was not finished in time")
        else:
            self._watch_read()

    def _watch_write(self) -> None:
        self._write_watch = self.loop.call_later(
            self.limits.stall_timeout,
            self._check_write,
            self._taken,
            {stream.id: stream.sent for stream in self.core.waiting.values()},
        )

    @property
    def _taken(self) -> int:
        """Bytes that have left our buffers."""
        return self.written - self.transport.get_write_buffer_size()

    def _check_write(self, taken_then: int, sent_then: dict[int, int]) -> None:
        """Cut a peer that takes nothing; end the calls whose window stays shut."""
        self._write_watch = None
        if self.transport.get_write_buffer_size() and self._taken == taken_then:
            self.cut("the peer does not read")
            return
        if not self._paused:
            for stream in list(self.core.waiting.values()):
                if sent_then.get(stream.id) == stream.sent:
                    self.core.reset(stream, http2.ErrorCode.CANCEL)
                    stream.owner.on_stalled()
        if self.transport.is_closing():
            self._watch_write()
        else:
            self.flush()
