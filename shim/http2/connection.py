"""The connection: bytes in, events out; calls in, bytes out. No sockets, no clock, no asyncio.

What a peer sends never raises here. A breach of the protocol leaves as GOAWAY or RST_STREAM in
the output and as a typed event, and memory stays within `Limits`.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

from shim.http2 import frames, settings
from shim.http2.errors import ConnectionFault, ErrorCode, LocalMistake
from shim.http2.events import ConnectionFailed
from shim.http2.inbound import DRAIN_PING, Inbound
from shim.http2.outbound import Outbound
from shim.http2.settings import Setting
from shim.http2.stream import State, Step, Stream
from shim.http2.streams import Streams

if TYPE_CHECKING:
    from shim.http2.events import Event
    from shim.http2.limits import Limits


class Role(Enum):
    """Which end of the connection we are."""

    CLIENT = "client"
    SERVER = "server"


class Connection:
    """One HTTP/2 connection (RFC 9113), either end.

    The layer above feeds `receive`, acts on its events, and writes what `take` gives. `now` is
    the time in seconds of any monotonic clock.
    """

    def __init__(self, role: Role, limits: Limits, now: float) -> None:
        serves = role is Role.SERVER
        self.role = role
        self.limits = limits
        #: the connection is over: nothing but the output that is left may be done
        self.failed = False
        #: we have sent GOAWAY and finish what is open
        self.draining = False
        self._streams = Streams(serves=serves)
        self._out = Outbound(self._finished)
        self._in = Inbound(self._streams, self._out, limits, now, serves=serves)
        own = [
            (Setting.INITIAL_WINDOW_SIZE, limits.stream_window),
            (Setting.MAX_HEADER_LIST_SIZE, limits.max_header_list),
        ]
        if serves:
            own.append((Setting.MAX_CONCURRENT_STREAMS, limits.max_concurrent_streams))
        else:
            self._out.control(frames.PREFACE)
            own.append((Setting.ENABLE_PUSH, 0))
        self._out.control(frames.frame(frames.FrameType.SETTINGS, 0, 0, settings.encode(own)))
        if limits.connection_window > frames.DEFAULT_WINDOW:
            self._out.control(
                frames.window_update(0, limits.connection_window - frames.DEFAULT_WINDOW)
            )

    # What the peer sends

    def receive(self, data: bytes, now: float) -> list[Event]:
        """Take bytes of the peer, cut anywhere, and give what they mean."""
        events: list[Event] = []
        if not self.failed:
            try:
                self._in.feed(data, now, events)
                if self._out.size > self.limits.max_output:
                    raise ConnectionFault(ErrorCode.ENHANCE_YOUR_CALM, "the peer does not read")
            except ConnectionFault as fault:
                self.goodbye(fault.code, fault.reason)
                events.append(ConnectionFailed(fault.code, fault.reason))
        return events

    @property
    def live(self) -> dict[int, Stream]:
        """The streams that are open, by id."""
        return self._streams.live

    @property
    def greeted(self) -> bool:
        """Whether the peer's preface, with its SETTINGS, has come."""
        return self._in.greeted

    @property
    def unfinished(self) -> bool:
        """Whether the peer owes the rest of a frame or of a header block."""
        return self._in.reader.unfinished or self._in.exchange.in_block

    @property
    def frames_received(self) -> int:
        """Whole frames so far; a watchdog compares it with an earlier value."""
        return self._in.reader.count

    def acknowledge(self, stream: Stream, size: int) -> None:
        """Give `size` bytes of taken body back to the peer's windows, in batches."""
        self._in.exchange.acknowledge(stream, size)

    def worked(self) -> None:
        """Note a whole message of the peer's: it excuses one frame that carried little."""
        self._in.guard.worked()

    # What we send

    def take(self, budget: int) -> bytearray:
        """The bytes to write next; bodies that wait are cut off at about `budget` bytes."""
        return self._out.take(budget)

    @property
    def ready(self) -> bool:
        """Whether `take` would give something that should not wait."""
        return self._out.ready

    @property
    def acknowledges(self) -> bool:
        """Whether answers to PINGs wait to go with what is sent next, or soon without it."""
        return bool(self._out.acknowledgements)

    @property
    def busy(self) -> bool:
        """Whether there is output that should not wait, or news for `take_drained`."""
        return self._out.ready or bool(self._out.drained)

    @property
    def waiting(self) -> dict[int, Stream]:
        """The streams whose body waits, for its turn or for the peer's window, by id."""
        return self._out.waiting

    def take_drained(self) -> list[Stream]:
        """The streams whose waiting body is all framed, or dropped, since the last call."""
        drained, self._out.drained = self._out.drained, []
        return drained

    @property
    def exhausted(self) -> bool:
        """Whether no stream can be opened here ever again (client only)."""
        return (
            self.failed
            or self.draining
            or self._in.peer_draining
            or self._streams.next_id > frames.MAX_STREAM_ID
        )

    @property
    def settled(self) -> bool:
        """Whether a drain's second GOAWAY is out: no new stream will come."""
        return not self._in.exchange.accepting

    @property
    def can_open(self) -> bool:
        """Whether the peer would take one more stream of ours now (client only)."""
        return (
            not self.exhausted and len(self._streams.live) < self._out.peer.max_concurrent_streams
        )

    def open(self) -> Stream:
        """A new stream of ours, idle until `send_headers` (client only, when `can_open`)."""
        if not self.can_open:
            raise LocalMistake("no stream can be opened now")
        streams = self._streams
        stream = Stream(streams.next_id, self._out.peer.initial_window, self.limits.stream_window)
        streams.next_id += 2
        streams.live[stream.id] = stream
        return stream

    def send_headers(self, stream: Stream, block: bytes, *, end: bool = False) -> None:
        """Send a header block of `blocks.encode`. On a closed stream nothing happens."""
        if self._may_send(stream):
            stream.send(Step.SEND_HEADERS)
            self._out.headers(stream, block, end=end)

    def send_data(self, stream: Stream, data: bytes, *, end: bool = False) -> None:
        """Send a piece of body; what the windows do not let through waits as a view of `data`.

        On a closed stream nothing happens. `Stream.queued` says how much waits.
        """
        if self._may_send(stream):
            stream.send(Step.SEND_DATA)
            self._out.data(stream, data, end=end)

    def send_whole(
        self, stream: Stream, head: bytes, body: tuple[bytes, ...], tail: bytes = b""
    ) -> None:
        """Send all of a stream: a header block, the pieces of a body, and trailers if any.

        As `send_headers` and `send_data` do, but for a short body in a third of the time.
        """
        if not self._may_send(stream):
            return
        stream.send(Step.SEND_HEADERS)
        if len(body) == 1 and self._out.whole(stream, head, body[0], tail):
            return
        self._out.headers(stream, head, end=False)
        *pieces, last = body
        for piece in pieces:
            self.send_data(stream, piece)
        self.send_data(stream, last, end=not tail)
        if tail:
            self.send_headers(stream, tail, end=True)

    def reset(self, stream: Stream, code: ErrorCode) -> None:
        """End a stream at once. On a closed one nothing happens."""
        if stream.closed or self.failed:
            return
        if stream.state is not State.IDLE:
            self._out.control(frames.rst_stream(stream.id, code))
        self._streams.forget(stream.id, late_frames=True)
        self._out.drop(stream)

    def ping(self, payload: bytes) -> None:
        """Send a PING of eight bytes; `PingAcknowledged` brings them back."""
        if not self.failed:
            self._out.control(frames.ping(payload))

    def drain(self) -> None:
        """Take no new streams: GOAWAY in two steps, so that none in flight is lost.

        The first names the highest possible stream and a PING follows; its answer shows that
        the peer has stopped, and the second names the last stream taken (RFC 9113, 6.8).
        """
        if not self.draining and not self.failed:
            self.draining = True
            self._out.control(frames.goaway(frames.MAX_STREAM_ID, ErrorCode.NO_ERROR))
            self._out.control(frames.ping(DRAIN_PING))

    def goodbye(self, code: ErrorCode = ErrorCode.NO_ERROR, reason: str = "") -> None:
        """Send a last GOAWAY before the connection is closed at once; waiting bodies are lost."""
        if not self.failed:
            self.failed = True
            self._out.last_words(frames.goaway(self._streams.last_id, code, reason.encode()))

    def _may_send(self, stream: Stream) -> bool:
        if stream.closed or self.failed:
            return False
        if stream.end_queued:
            raise LocalMistake("sending after the end of the stream")
        return True

    def _finished(self, stream: Stream) -> None:
        """Our END_STREAM is framed."""
        if stream.closed:
            self._in.guard.stream_finished()
            self._streams.forget(stream.id, late_frames=False)
        elif self.role is Role.SERVER:
            # The response is whole and the request is not: nobody will read the rest of it
            # (RFC 9113 section 8.1).
            self.reset(stream, ErrorCode.NO_ERROR)
