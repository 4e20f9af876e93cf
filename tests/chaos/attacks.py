"""Hostile HTTP/2: what somebody sends who has the host's certificate and means no good."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterator
from typing import Final

from shim.http2 import encode, frames
from shim.http2.frames import END_HEADERS, END_STREAM, FrameType, frame
from shim.http2.settings import Setting
from shim.http2.settings import encode as encode_settings

GREETING: Final = frames.PREFACE + frame(FrameType.SETTINGS, 0, 0)
REQUEST: Final = encode(
    [
        (":method", "POST"),
        (":scheme", "https"),
        (":path", "/pb.Backend/HandleRequest"),
        (":authority", "localhost"),
        ("content-type", "application/grpc"),
        ("te", "trailers"),
        ("multiplex_id", "abcDEF0123"),
    ]
)
MEGABYTE: Final = 1 << 20
ENTRY: Final = b"\x40\x01a\x7f\xa1\x1e" + b"b" * 4_000  # a field put into the table
Attack = Callable[[random.Random], Iterator[bytes]]


def greeting(setting: Setting, value: int) -> bytes:
    """The preface with one setting."""
    payload = encode_settings([(setting, value)])
    return frames.PREFACE + frame(FrameType.SETTINGS, 0, 0, payload)


def opened(number: int, block: bytes = REQUEST, flags: int = END_HEADERS) -> bytes:
    """The header block of the client's stream `number`, from 0."""
    return frame(FrameType.HEADERS, flags, 2 * number + 1, block)


def body(number: int, data: bytes, *, end: bool = False) -> bytes:
    return frame(FrameType.DATA, END_STREAM if end else 0, 2 * number + 1, data)


def forever(piece: bytes, *, before: bytes = b"") -> Attack:
    """`before`, then `piece` until the connection is cut."""

    def attack(_: random.Random) -> Iterator[bytes]:
        yield GREETING + before
        yield from itertools.repeat(piece)

    return attack


def numbered(make: Callable[[int], bytes], first: bytes = GREETING) -> Attack:
    """What `make` makes of the stream numbers, one after the other."""

    def attack(_: random.Random) -> Iterator[bytes]:
        yield first
        for number in itertools.count(0, 50):
            yield b"".join(make(n) for n in range(number, number + 50))

    return attack


def noise(rng: random.Random) -> Iterator[bytes]:
    yield from iter(lambda: rng.randbytes(10_000), None)


def random_frames(rng: random.Random) -> Iterator[bytes]:
    """Frames of any kind on a few streams, some of which hold what they should."""
    yield GREETING
    while True:
        payload = rng.choice([b"", bytes(4), bytes(8), REQUEST, rng.randbytes(40), bytes(16_384)])
        flags = rng.choice([0, 1, 4, 5, 8, 0x20, 0x2D, rng.randrange(256)])
        yield frame(FrameType(rng.randrange(10)), flags, rng.choice([0, 1, 2, 3, 5, 99]), payload)


def cut_up(rng: random.Random) -> Iterator[bytes]:
    """A call, cut anywhere, with one byte of it changed."""
    whole = bytearray(GREETING + opened(0) + body(0, b"\0\0\0\0\5hello", end=True))
    whole[rng.randrange(len(whole))] ^= 1 << rng.randrange(8)
    place = rng.randrange(len(whole))
    yield bytes(whole[:place])
    yield bytes(whole[place:])


def huge_messages(_: random.Random) -> Iterator[bytes]:
    """As many unfinished messages as there are streams, each as long as can be."""
    yield GREETING + b"".join(opened(n) + body(n, b"\0\x03\xff\xff\xff") for n in range(256))
    yield from (body(n % 256, bytes(16_384)) for n in itertools.count())


ATTACKS: Final[dict[str, Attack]] = {
    "noise": noise,
    "random frames": random_frames,
    "a call with a wrong bit": cut_up,
    "rapid reset": numbered(lambda n: opened(n) + frames.rst_stream(2 * n + 1, 8)),
    "resets it is made to send": numbered(lambda n: opened(n, REQUEST + b"\x00\x01A\x01a")),
    "streams without an end": numbered(opened),
    "continuations": forever(
        frame(FrameType.CONTINUATION, 0, 1, b""), before=opened(0, REQUEST, flags=0)
    ),
    "a header block without end": forever(
        frame(FrameType.CONTINUATION, 0, 1, bytes(16_384)), before=opened(0, b"", flags=0)
    ),
    "header bombs": numbered(lambda n: opened(n, REQUEST + ENTRY + b"\xbe" * 12_000)),
    "a small header bomb for each stream": numbered(lambda n: opened(n, REQUEST + ENTRY)),
    "settings": forever(frame(FrameType.SETTINGS, 0, 0)),
    "settings of every kind": forever(
        frame(FrameType.SETTINGS, 0, 0, b"".join(bytes([0, n, 0, 0, 255, 255]) for n in range(5)))
    ),
    "acknowledgements": forever(frame(FrameType.SETTINGS, frames.ACK, 0)),
    "pings": forever(frames.ping(bytes(8)) * 100),
    "priorities": forever(frame(FrameType.PRIORITY, 0, 9, bytes(5)) * 100),
    "unknown frames": forever(frame(FrameType.PRIORITY, 0, 0x77, bytes(5))),
    "empty data": forever(body(0, b"") * 100, before=opened(0)),
    "data without a stream": forever(body(9, bytes(16_384))),
    "data of padding": forever(
        frame(FrameType.DATA, frames.PADDED, 1, b"\xff" + bytes(255)) * 20, before=opened(0)
    ),
    "windows overflown": forever(frames.window_update(0, frames.MAX_WINDOW)),
    "windows by the byte": forever(frames.window_update(0, 1) * 100),
    "no window for any answer": numbered(
        lambda n: opened(n) + body(n, b"\0\0\0\0\0", end=True),
        greeting(Setting.INITIAL_WINDOW_SIZE, 0),
    ),
    "a window that goes up and down": forever(
        greeting(Setting.INITIAL_WINDOW_SIZE, 0)[24:]
        + greeting(Setting.INITIAL_WINDOW_SIZE, frames.MAX_WINDOW)[24:],
        before=opened(0),
    ),
    "messages of 64 MB on every stream": huge_messages,
    "a message of 4 GB": forever(body(0, b"\0\xff\xff\xff\xff"), before=opened(0)),
    "tiny messages": forever(body(0, bytes(5)) * 1_000, before=opened(0)),
    "calls of no method": numbered(lambda n: opened(n, REQUEST.replace(b"Backend", b"Nothing"))),
    "farewells": forever(frame(FrameType.GOAWAY, 0, 0, bytes(8))),
    "a frame too long": forever(b"\xff\xff\xff\0\0\0\0\0\1"),
    "stream numbers that go back": forever(opened(9) + opened(3)),
    "even stream numbers": forever(frame(FrameType.HEADERS, END_HEADERS, 2, REQUEST)),
}
