"""HEADERS, CONTINUATION and DATA: the frames of which requests and responses are made."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shim.http2 import events as ev
from shim.http2 import fields, frames
from shim.http2.blocks import BlockDecoder, OpenBlock
from shim.http2.errors import ConnectionFault, ErrorCode, StreamFault
from shim.http2.fields import Malformed
from shim.http2.flood import SCANT
from shim.http2.stream import Step, Stream

if TYPE_CHECKING:
    from shim.http2.flood import Guard
    from shim.http2.limits import Limits
    from shim.http2.outbound import Outbound
    from shim.http2.streams import Streams

_WRONG_BODY = "the body's size is not its content-length"


class Exchange:
    """The receiving half of a connection's streams, and the windows we grant."""

    __slots__ = (
        "_credit",
        "_decoder",
        "_guard",
        "_limits",
        "_open_block",
        "_out",
        "_serves",
        "_streams",
        "_window",
        "accepting",
        "events",
    )

    def __init__(
        self, streams: Streams, out: Outbound, guard: Guard, limits: Limits, *, serves: bool
    ) -> None:
        self._streams = streams
        self._out = out
        self._guard = guard
        self._limits = limits
        self._serves = serves
        self._decoder = BlockDecoder(limits.max_header_list)
        self._open_block: OpenBlock | None = None
        self._window = limits.connection_window
        self._credit = 0
        #: False once the last GOAWAY is out: new streams of the peer are passed over
        self.accepting = True
        #: where events go; the list of the `receive` call at hand
        self.events: list[ev.Event] = []

    @property
    def in_block(self) -> bool:
        """Whether a header block is unfinished: only its CONTINUATION may come."""
        return self._open_block is not None

    def acknowledge(self, stream: Stream, size: int) -> None:
        """Give taken bytes back to the windows, as soon as half of one is used up."""
        self._acknowledge_connection(size)
        if stream.receiving:
            stream.credit += size
            if stream.credit * 2 >= self._limits.stream_window:
                self._out.control(frames.window_update(stream.id, stream.credit))
                stream.recv_window += stream.credit
                stream.credit = 0

    def _acknowledge_connection(self, size: int) -> None:
        self._credit += size
        if self._credit * 2 >= self._limits.connection_window:
            self._out.control(frames.window_update(0, self._credit))
            self._window += self._credit
            self._credit = 0

    def on_data(self, flags: int, stream_id: int, payload: memoryview) -> None:
        """A DATA frame. Its whole payload counts in the windows, padding too (section 6.9.1)."""
        size = len(payload)
        self._window -= size
        if self._window < 0:
            raise ConnectionFault(ErrorCode.FLOW_CONTROL_ERROR, "connection window overrun")
        body = _unpad(payload) if flags & frames.PADDED else payload
        ended = bool(flags & frames.END_STREAM)
        stream = self._streams.live.get(stream_id)
        if stream is None:
            self._streams.check_late(stream_id, "DATA")
            self._guard.idle_frame()
            self._acknowledge_connection(size)
            return
        if len(body) >= SCANT:
            self._guard.worked()
        elif not ended:
            self._guard.idle_frame()
        try:
            self._take_body(stream, size, len(body), ended)
        except StreamFault:
            self._acknowledge_connection(size)
            raise
        if size > len(body):
            self.acknowledge(stream, size - len(body))
        self.events.append(ev.DataReceived(stream, body, ended))

    def _take_body(self, stream: Stream, size: int, body: int, ended: bool) -> None:
        """Hold a DATA frame against its stream; a breach raises `StreamFault`."""
        stream.receive(Step.RECV_DATA)
        if not stream.headers_seen:
            raise StreamFault(stream.id, ErrorCode.PROTOCOL_ERROR, "DATA before headers")
        stream.recv_window -= size
        if stream.recv_window < 0:
            raise StreamFault(stream.id, ErrorCode.FLOW_CONTROL_ERROR, "stream window overrun")
        if stream.expected is not None:
            stream.expected -= body
            if stream.expected < 0 or (ended and stream.expected):
                raise StreamFault(stream.id, ErrorCode.PROTOCOL_ERROR, _WRONG_BODY)
        if ended:
            self._end(stream)

    def _end(self, stream: Stream) -> None:
        stream.receive(Step.RECV_END)
        if stream.closed:
            self._guard.stream_finished()
            self._streams.forget(stream.id, late_frames=False)

    def on_headers(self, flags: int, stream_id: int, payload: memoryview) -> None:
        """A HEADERS frame; its priority is read over, but for one check of RFC 7540 (5.3.1)."""
        if flags & frames.PADDED:
            payload = _unpad(payload)
        depends_on = 0
        if flags & frames.PRIORITY_FLAG:
            if len(payload) < frames.PRIORITY_SIZE:
                raise ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, "HEADERS without its priority")
            depends_on = frames.dependency(payload)
            payload = payload[frames.PRIORITY_SIZE :]
        ended = bool(flags & frames.END_STREAM)
        if flags & frames.END_HEADERS:
            self._on_block(stream_id, bytes(payload), ended)
        else:
            self._open_block = OpenBlock(stream_id, ended, payload)
        if depends_on == stream_id:
            raise StreamFault(stream_id, ErrorCode.PROTOCOL_ERROR, "stream depends on itself")

    def on_continuation(self, flags: int, stream_id: int, payload: memoryview) -> None:
        """A CONTINUATION frame."""
        block = self._open_block
        if block is None or block.stream_id != stream_id:
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "CONTINUATION of no header block")
        block.add(payload, self._limits)
        if flags & frames.END_HEADERS:
            self._open_block = None
            self._on_block(stream_id, bytes(block.block), block.ended)

    def _on_block(self, stream_id: int, block: bytes, ended: bool) -> None:
        """A whole header block, decoded whatever becomes of it: the table must stay in step."""
        section = self._decoder.decode(block)
        stream = self._streams.live.get(stream_id)
        try:
            if stream is not None:
                stream.receive(Step.RECV_HEADERS)
                if stream.headers_seen:
                    self._on_trailers(stream, section.read(fields.TRAILERS), ended)
                else:
                    self._on_response(stream, section.read(fields.RESPONSE), ended)
            elif self._serves and stream_id & 1 and self._streams.is_idle(stream_id):
                self._on_request(stream_id, section, ended)
            else:
                self._streams.check_late(stream_id, "HEADERS")
                self._guard.idle_frame()
        except Malformed as problem:
            raise StreamFault(stream_id, ErrorCode.PROTOCOL_ERROR, str(problem)) from problem

    def _on_request(self, stream_id: int, section: fields.Section, ended: bool) -> None:
        streams = self._streams
        if not self.accepting:
            self._guard.idle_frame()
            streams.forget(stream_id, late_frames=True)
            return
        streams.last_id = stream_id
        if len(streams.live) >= self._limits.max_concurrent_streams:
            raise StreamFault(stream_id, ErrorCode.REFUSED_STREAM, "too many streams")
        stream = Stream(stream_id, self._out.peer.initial_window, self._limits.stream_window)
        streams.live[stream_id] = stream
        stream.receive(Step.RECV_HEADERS)
        read = section.read(fields.REQUEST)
        self._on_first(stream, read, ended)
        self.events.append(ev.RequestReceived(stream, read, ended))

    def _on_response(self, stream: Stream, read: fields.Fields, ended: bool) -> None:
        if fields.status(read) < 200:
            if ended:
                raise Malformed("an interim response ends the stream")
            self._guard.idle_frame()
            return
        self._on_first(stream, read, ended)
        self.events.append(ev.ResponseReceived(stream, read, ended))

    def _on_first(self, stream: Stream, read: fields.Fields, ended: bool) -> None:
        """What request and response headers have in common."""
        stream.headers_seen = True
        stream.expected = fields.content_length(read)
        if ended:
            if stream.expected:
                raise Malformed(_WRONG_BODY)
            self._end(stream)

    def _on_trailers(self, stream: Stream, read: fields.Fields, ended: bool) -> None:
        if not ended:
            raise Malformed("trailers that do not end the stream")
        if stream.expected:
            raise Malformed(_WRONG_BODY)
        self._end(stream)
        self.events.append(ev.TrailersReceived(stream, read))


def _unpad(payload: memoryview) -> memoryview:
    """The payload of a frame with the PADDED flag, without its padding."""
    if not payload or payload[0] >= len(payload):
        raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "padding longer than its frame")
    return payload[1 : len(payload) - payload[0]]
