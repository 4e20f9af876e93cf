"""Two cores joined in memory, and frames made by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from shim import http2
from shim.http2 import frames
from shim.http2.frames import FrameType, frame

if TYPE_CHECKING:
    from collections.abc import Sequence

_E = TypeVar("_E", bound=tuple[object, ...])

REQUEST = http2.encode(
    [(":method", "POST"), (":scheme", "http"), (":path", "/a.B/C"), (":authority", "localhost")]
)
RESPONSE = http2.encode([(":status", "200"), ("content-type", "application/grpc")])
TRAILERS = http2.encode([("grpc-status", "0")])
GREETING = frame(FrameType.SETTINGS, 0, 0)
CLIENT_GREETING = frames.PREFACE + GREETING


def core(role: http2.Role, limits: http2.Limits | None = None) -> http2.Connection:
    return http2.Connection(role, limits or http2.Limits(), 0.0)


def greeted(role: http2.Role, limits: http2.Limits | None = None) -> http2.Connection:
    """A core whose peer has sent its preface, its own taken away."""
    connection = core(role, limits)
    greeting = CLIENT_GREETING if role is http2.Role.SERVER else GREETING
    assert connection.receive(greeting, 0.0) == [http2.SettingsReceived(first=True)]
    connection.take(0)
    return connection


def serving(limits: http2.Limits | None = None) -> http2.Connection:
    return greeted(http2.Role.SERVER, limits)


def headers(stream_id: int, block: bytes = REQUEST, *, end: bool = False, flags: int = 0) -> bytes:
    flags |= frames.END_HEADERS | (frames.END_STREAM if end else 0)
    return frame(FrameType.HEADERS, flags, stream_id, block)


def data(stream_id: int, body: bytes, *, end: bool = False) -> bytes:
    return frame(FrameType.DATA, frames.END_STREAM if end else 0, stream_id, body)


def only(events: Sequence[http2.Event], kind: type[_E]) -> _E:
    """The single event of a kind."""
    found = [event for event in events if isinstance(event, kind)]
    assert len(found) == 1, events
    return found[0]


def sent(output: bytes | bytearray) -> list[tuple[FrameType, int, int, bytes]]:
    """The frames of an output: type, flags, stream, payload."""
    found = []
    position = 0
    while position < len(output):
        high, low, kind, flags, stream_id = frames.HEADER.unpack_from(output, position)
        start = position + frames.HEADER_SIZE
        position = start + (high << 8 | low)
        found.append((FrameType(kind), flags, stream_id, bytes(output[start:position])))
    return found


def codes(output: bytes | bytearray) -> list[tuple[str, int]]:
    """GOAWAY and RST_STREAM frames of an output with their codes."""
    return [
        (kind.name, int.from_bytes(payload[4:8] if kind is FrameType.GOAWAY else payload, "big"))
        for kind, _, _, payload in sent(output)
        if kind in (FrameType.GOAWAY, FrameType.RST_STREAM)
    ]


def settle(client: http2.Connection, server: http2.Connection) -> list[http2.Event]:
    """Carry bytes both ways until neither has any; the events of both."""
    events: list[http2.Event] = []
    while client.ready or server.ready:
        events += server.receive(bytes(client.take(1 << 30)), 0.0)
        events += client.receive(bytes(server.take(1 << 30)), 0.0)
    return events
