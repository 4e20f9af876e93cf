"""What the peer sends: frames to their handlers, and the frames that steer a connection."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from shim.http2 import events as ev
from shim.http2 import frames, settings
from shim.http2.errors import ConnectionFault, ErrorCode, StreamFault, code_name
from shim.http2.exchange import Exchange
from shim.http2.flood import SIP, Guard
from shim.http2.frames import FrameType
from shim.http2.reader import FrameReader
from shim.http2.settings import Setting

if TYPE_CHECKING:
    from collections.abc import Callable

    from shim.http2.limits import Limits
    from shim.http2.outbound import Outbound
    from shim.http2.streams import Streams

#: opaque data of the PING between the two GOAWAYs of a drain; no other PING of ours has it
DRAIN_PING: Final = b"draining"


class Inbound:
    """The receiving half of a connection."""

    def __init__(
        self, streams: Streams, out: Outbound, limits: Limits, now: float, *, serves: bool
    ) -> None:
        self._streams = streams
        self._out = out
        self._serves = serves
        self._answered = 0
        self.guard = Guard(limits, now)
        self.reader = FrameReader(frames.PREFACE if serves else b"")
        self.exchange = Exchange(streams, out, self.guard, limits, serves=serves)
        self.greeted = False
        self.peer_draining = False
        self._handlers: tuple[Callable[[int, int, memoryview], None], ...] = (
            self.exchange.on_data,
            self.exchange.on_headers,
            self._on_priority,
            self._on_rst_stream,
            self._on_settings,
            self._on_push_promise,
            self._on_ping,
            self._on_goaway,
            self._on_window_update,
            self.exchange.on_continuation,
        )

    def feed(self, data: bytes, now: float, events: list[ev.Event]) -> None:
        """Handle the peer's bytes; raises `ConnectionFault`."""
        self.exchange.events = events
        self.guard.now = now
        if self._out.frames != self._answered:
            self.guard.data_sent(self._out.frames - self._answered)
            self._answered = self._out.frames
        frames_before = self.reader.count
        for kind, flags, stream_id, payload in self.reader.read(data):
            try:
                self._on_frame(kind, flags, stream_id, payload)
            except StreamFault as fault:
                self._reset(fault)
        if self.reader.count == frames_before and len(data) < SIP:
            self.guard.idle_frame()

    def _on_frame(self, kind: int, flags: int, stream_id: int, payload: memoryview) -> None:
        if self.exchange.in_block and kind != FrameType.CONTINUATION:
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "a frame inside a header block")
        if not self.greeted and (kind != FrameType.SETTINGS or flags & frames.ACK):
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "the first frame is not SETTINGS")
        if kind >= len(self._handlers):
            self.guard.idle_frame()  # extensions are passed over (RFC 9113 section 5.5)
            return
        frames.check_shape(kind, stream_id, len(payload))
        self._handlers[kind](flags, stream_id, payload)

    def _reset(self, fault: StreamFault) -> None:
        """Answer a stream fault with RST_STREAM and tell the layer above."""
        self.guard.reset()
        self._out.control(frames.rst_stream(fault.stream_id, fault.code))
        stream = self._streams.live.get(fault.stream_id)
        self._streams.forget(fault.stream_id, late_frames=True)
        if stream is not None:
            self._out.drop(stream)
            self.exchange.events.append(
                ev.StreamReset(stream, fault.code, str(fault), by_peer=False, untouched=False)
            )

    def _on_priority(self, flags: int, stream_id: int, payload: memoryview) -> None:
        self.guard.idle_frame()
        if len(payload) != frames.PRIORITY_SIZE:
            raise StreamFault(stream_id, ErrorCode.FRAME_SIZE_ERROR, "PRIORITY of a wrong size")
        if frames.dependency(payload) == stream_id:
            raise StreamFault(stream_id, ErrorCode.PROTOCOL_ERROR, "stream depends on itself")

    def _on_rst_stream(self, flags: int, stream_id: int, payload: memoryview) -> None:
        code = int.from_bytes(payload, "big")
        stream = self._streams.live.get(stream_id)
        if stream is None:
            if self._streams.is_idle(stream_id):
                raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "RST_STREAM on an idle stream")
            self.guard.idle_frame()
            if self._serves and not self._streams.cut(stream_id):
                self.exchange.events.append(ev.LateReset(stream_id, code))
            return
        if self._serves:
            self.guard.reset()
        refused = code == ErrorCode.REFUSED_STREAM and not self._serves
        self._streams.forget(stream_id, late_frames=False)
        self._out.drop(stream)
        self.exchange.events.append(
            ev.StreamReset(stream, code, code_name(code), by_peer=True, untouched=refused)
        )

    def _on_settings(self, flags: int, stream_id: int, payload: memoryview) -> None:
        if self.greeted:
            self.guard.idle_frame()
        if flags & frames.ACK:
            if payload:
                raise ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, "SETTINGS ACK with a payload")
            return
        out = self._out
        for key, value in settings.decode(bytes(payload)):
            if key is Setting.INITIAL_WINDOW_SIZE:
                self._resize_windows(value - out.peer.initial_window)
            elif key is Setting.HEADER_TABLE_SIZE:
                out.table_changed()
            elif key is Setting.ENABLE_PUSH and value and not self._serves:
                raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "a server with ENABLE_PUSH")
            out.peer.apply(key, value)
        out.control(frames.frame(FrameType.SETTINGS, frames.ACK, 0))
        self.exchange.events.append(ev.SettingsReceived(first=not self.greeted))
        self.greeted = True

    def _resize_windows(self, change: int) -> None:
        for stream in self._streams.live.values():
            if stream.send_window + change > frames.MAX_WINDOW:
                raise ConnectionFault(ErrorCode.FLOW_CONTROL_ERROR, "stream window overflow")
            self._out.widen(stream, change)

    def _on_push_promise(self, flags: int, stream_id: int, payload: memoryview) -> None:
        raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "PUSH_PROMISE, and push is off")

    def _on_ping(self, flags: int, stream_id: int, payload: memoryview) -> None:
        self.guard.idle_frame()
        data = bytes(payload)
        if not flags & frames.ACK:
            self._out.acknowledgements += frames.ping(data, ack=True)
        elif data == DRAIN_PING:
            self.exchange.accepting = False
            self._out.control(frames.goaway(self._streams.last_id, ErrorCode.NO_ERROR))
        else:
            self.exchange.events.append(ev.PingAcknowledged(data))

    def _on_goaway(self, flags: int, stream_id: int, payload: memoryview) -> None:
        self.guard.idle_frame()
        last, code = frames.GOAWAY.unpack_from(payload)
        last &= frames.MAX_STREAM_ID
        self.peer_draining = True
        self.exchange.events.append(ev.GoawayReceived(last, code, bytes(payload[8:])))
        if self._serves:
            return  # a client's GOAWAY speaks of pushed streams, of which there are none
        for stream in [each for each in self._streams.live.values() if each.id > last]:
            self._streams.forget(stream.id, late_frames=True)
            self._out.drop(stream)
            self.exchange.events.append(
                ev.StreamReset(stream, code, "GOAWAY", by_peer=True, untouched=True)
            )

    def _on_window_update(self, flags: int, stream_id: int, payload: memoryview) -> None:
        self.guard.idle_frame()
        increment = int.from_bytes(payload, "big") & frames.MAX_WINDOW
        out = self._out
        if not stream_id:
            if not increment:
                raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "WINDOW_UPDATE of zero")
            out.window += increment
            if out.window > frames.MAX_WINDOW:
                raise ConnectionFault(ErrorCode.FLOW_CONTROL_ERROR, "connection window overflow")
            return
        stream = self._streams.live.get(stream_id)
        if stream is None:
            if self._streams.is_idle(stream_id):
                raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "WINDOW_UPDATE on an idle stream")
            return
        if not increment:
            raise StreamFault(stream_id, ErrorCode.PROTOCOL_ERROR, "WINDOW_UPDATE of zero")
        if stream.send_window + increment > frames.MAX_WINDOW:
            raise StreamFault(stream_id, ErrorCode.FLOW_CONTROL_ERROR, "stream window overflow")
        out.widen(stream, increment)
