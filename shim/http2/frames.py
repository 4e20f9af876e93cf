"""Frames as they lie on the wire (RFC 9113 sections 4 and 6): layout, flags, static rules.

Nothing here knows connection or stream state.
"""

from __future__ import annotations

from enum import IntEnum
from struct import Struct
from typing import Final, NamedTuple

from shim.http2.errors import ConnectionFault, ErrorCode

PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
HEADER_SIZE: Final = 9
DEFAULT_FRAME_SIZE: Final = 16_384
MAX_FRAME_SIZE: Final = (1 << 24) - 1
MAX_STREAM_ID: Final = (1 << 31) - 1
MAX_WINDOW: Final = (1 << 31) - 1
DEFAULT_WINDOW: Final = 65_535

END_STREAM: Final = 0x1
ACK: Final = 0x1
END_HEADERS: Final = 0x4
PADDED: Final = 0x8
PRIORITY_FLAG: Final = 0x20

#: length (high 16 bits, low 8 bits), type, flags, stream id
HEADER: Final = Struct(">HBBBL")
_WORD: Final = Struct(">L")
#: last stream id, error code; debug data may follow
GOAWAY: Final = Struct(">LL")
PRIORITY_SIZE: Final = 5


class FrameType(IntEnum):
    """The frame types of RFC 9113; a type beyond the last is ignored."""

    DATA = 0
    HEADERS = 1
    PRIORITY = 2
    RST_STREAM = 3
    SETTINGS = 4
    PUSH_PROMISE = 5
    PING = 6
    GOAWAY = 7
    WINDOW_UPDATE = 8
    CONTINUATION = 9


class Shape(NamedTuple):
    """What a frame type's header must satisfy; a breach ends the connection."""

    on_stream: bool | None  # True: never stream 0, False: only stream 0, None: both
    shortest: int
    longest: int


_ANY: Final = MAX_FRAME_SIZE
SHAPES: Final[tuple[Shape, ...]] = (
    Shape(True, 0, _ANY),  # DATA
    Shape(True, 0, _ANY),  # HEADERS
    Shape(True, 0, _ANY),  # PRIORITY: a wrong length ends the stream only
    Shape(True, 4, 4),  # RST_STREAM
    Shape(False, 0, _ANY),  # SETTINGS: a multiple of six, see settings.py
    Shape(True, 4, _ANY),  # PUSH_PROMISE
    Shape(False, 8, 8),  # PING
    Shape(False, 8, _ANY),  # GOAWAY
    Shape(None, 4, 4),  # WINDOW_UPDATE
    Shape(True, 0, _ANY),  # CONTINUATION
)


def check_shape(kind: int, stream_id: int, length: int) -> None:
    """Check a frame header against its type's shape; a breach raises `ConnectionFault`."""
    on_stream, shortest, longest = SHAPES[kind]
    if on_stream is not None and on_stream is not (stream_id != 0):
        raise ConnectionFault(
            ErrorCode.PROTOCOL_ERROR, f"{FrameType(kind).name} frame on stream {stream_id}"
        )
    if not shortest <= length <= longest:
        raise ConnectionFault(
            ErrorCode.FRAME_SIZE_ERROR, f"{FrameType(kind).name} frame of {length} bytes"
        )


def frame_header(length: int, kind: int, flags: int, stream_id: int) -> bytes:
    """The nine bytes before a payload of `length` bytes."""
    return HEADER.pack(length >> 8, length & 0xFF, kind, flags, stream_id)


def frame(kind: int, flags: int, stream_id: int, payload: bytes = b"") -> bytes:
    """One whole frame."""
    return frame_header(len(payload), kind, flags, stream_id) + payload


def rst_stream(stream_id: int, code: int) -> bytes:
    """A RST_STREAM frame."""
    return frame(FrameType.RST_STREAM, 0, stream_id, _WORD.pack(code))


def window_update(stream_id: int, increment: int) -> bytes:
    """A WINDOW_UPDATE frame; stream 0 is the connection."""
    return frame(FrameType.WINDOW_UPDATE, 0, stream_id, _WORD.pack(increment))


def ping(payload: bytes, *, ack: bool = False) -> bytes:
    """A PING frame; `payload` has eight bytes."""
    return frame(FrameType.PING, ACK if ack else 0, 0, payload)


def goaway(last_stream_id: int, code: int, debug: bytes = b"") -> bytes:
    """A GOAWAY frame."""
    return frame(FrameType.GOAWAY, 0, 0, GOAWAY.pack(last_stream_id, code) + debug)


def dependency(priority: memoryview) -> int:
    """The stream that the five bytes of a priority name (RFC 7540 section 6.3)."""
    return int.from_bytes(priority[:4], "big") & MAX_STREAM_ID


def header_frames(stream_id: int, block: bytes, *, end: bool, size: int) -> bytes:
    """HEADERS and as many CONTINUATION frames as a block needs at `size` bytes a frame."""
    flags = END_STREAM if end else 0
    if len(block) <= size:
        return frame(FrameType.HEADERS, flags | END_HEADERS, stream_id, block)
    parts = [frame(FrameType.HEADERS, flags, stream_id, block[:size])]
    for start in range(size, len(block), size):
        last = END_HEADERS if start + size >= len(block) else 0
        parts.append(frame(FrameType.CONTINUATION, last, stream_id, block[start : start + size]))
    return b"".join(parts)
