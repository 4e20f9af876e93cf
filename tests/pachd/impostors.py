"""Who may be at pachd's address in its place, and what they say to whoever connects."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from shim.http2 import encode, frames
from shim.http2.frames import DEFAULT_WINDOW, END_HEADERS, PREFACE, FrameType, frame

SETTINGS = frame(FrameType.SETTINGS, 0, 0)
NOT_HTTP2 = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n" + bytes(range(256))
LONG = b"\0\x03\xff\xff\xff"  # before a message of 64 MB
SHORT = b"\0\0\x0f\xff\xff"  # before one of 1 MB, which a client may wait for
AT_ONCE = 1_000  # frames
ANSWER = encode([(":status", "200"), ("content-type", "application/grpc")])
WEB_PAGE = encode([(":status", "200"), ("content-type", "text/html")])
TRAILERS = encode([("grpc-status", "0")])
Behaviour = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def endless(piece: bytes, *, first: bytes = SETTINGS, before: bytes = b"") -> Behaviour:
    """Says `first`, waits for a call, and then `before`, and then `piece` without end."""

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(first)
        await reader.readuntil(b"application/grpc")
        writer.write(before)
        while not writer.is_closing():
            writer.write(piece)
            await writer.drain()

    return behave


def within_the_window(size: int, before: bytes) -> Behaviour:
    """Answers a call with `before`, and then DATA frames of `size` bytes without end.

    As many as the connection's window has room for, so that they break no rule; whether the
    stream is still there is not asked.
    """

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        room = DEFAULT_WINDOW - len(before)
        called, more = asyncio.Event(), asyncio.Event()

        async def listen() -> None:
            nonlocal room
            await reader.readexactly(len(PREFACE))
            while True:
                head = await reader.readexactly(frames.HEADER_SIZE)
                high, low, kind, _, stream = frames.HEADER.unpack(head)
                payload = await reader.readexactly(high << 8 | low)
                if kind == FrameType.HEADERS:
                    called.set()
                elif kind == FrameType.WINDOW_UPDATE and not stream:
                    room += int.from_bytes(payload, "big")
                    more.set()

        async def speak() -> None:
            nonlocal room
            writer.write(SETTINGS)
            await called.wait()
            writer.write(headers(ANSWER) + body(before))
            while True:
                number = min(room // size, AT_ONCE)
                writer.write(body(bytes(size)) * number)
                room -= number * size
                await writer.drain()
                if room < size:
                    more.clear()
                    await more.wait()

        halves = [asyncio.ensure_future(half()) for half in (listen, speak)]
        try:
            await asyncio.gather(*halves)
        finally:
            for half in halves:
                half.cancel()
            await asyncio.gather(*halves, return_exceptions=True)

    return behave


def once(words: bytes, *, then_hang_up: bool = False) -> Behaviour:
    """Says `words`, and nothing more."""

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(words)
        while not then_hang_up and await reader.read(1000):
            pass

    return behave


def answers(*frames: bytes) -> Behaviour:
    """Says `frames` to the first call of a connection, and nothing more."""

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(SETTINGS)
        await reader.readuntil(b"application/grpc")
        writer.write(b"".join(frames))
        while await reader.read(1000):
            pass

    return behave


async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One byte at a time, a whole frame never."""
    for byte in SETTINGS + frame(FrameType.HEADERS, END_HEADERS, 1, bytes(5_000)):
        if writer.is_closing():
            return
        writer.write(bytes([byte]))
        await asyncio.sleep(0.05)


def headers(block: bytes, flags: int = END_HEADERS) -> bytes:
    return frame(FrameType.HEADERS, flags, 1, block)


def body(data: bytes) -> bytes:
    return frame(FrameType.DATA, 0, 1, data)


IMPOSTORS: dict[str, Behaviour] = {
    "nothing": once(b""),
    "hangs up": once(b"", then_hang_up=True),
    "hangs up after its greeting": once(SETTINGS, then_hang_up=True),
    "garbage": once(bytes(range(256)) * 100),
    "another protocol": once(NOT_HTTP2),
    "drip": drip,
    "zeros": once(bytes(10_000_000)),
    "pings": endless(frame(FrameType.PING, 0, 0, bytes(8)) * 1_000),
    "settings": endless(SETTINGS * 1_000),
    "interim answers": endless(headers(encode([(":status", "103")])) * 1_000),
    "header block": endless(
        frame(FrameType.CONTINUATION, 0, 1, bytes(16_384)), before=headers(ANSWER, 0)
    ),
    "continuations": endless(frame(FrameType.CONTINUATION, 0, 1) * 99, before=headers(ANSWER, 0)),
    "header bomb": endless(headers(ANSWER + encode([("x", "y" * 3_000)]) + b"\xbe" * 12_000)),
    "a message without end": endless(body(bytes(16_384)), before=headers(ANSWER) + body(LONG)),
    "data on a reset stream": within_the_window(16_384, LONG),
    "a byte a frame": within_the_window(1, SHORT),
    "windows": endless(frames.window_update(0, 1) * 1_000),
    "messages without end": endless(headers(ANSWER) + body(bytes(5)) * 3_000),
    "a message of 4 GB": endless(headers(ANSWER) + body(b"\0\xff\xff\xff\xff")),
    "a message with escapes": endless(
        headers(ANSWER + encode([("grpc-status", "2"), ("grpc-message", "%ff%0a%1b[31m%")]), 0x5)
    ),
    "a status beyond all": endless(headers(ANSWER + encode([("grpc-status", "9" * 9_000)]), 0x5)),
    "a web page": answers(
        headers(encode([(":status", "200"), ("content-type", "text/html")]), 0x5)
    ),
    "a proxy without a backend": answers(headers(encode([(":status", "503")]), 0x5)),
    "no message": answers(headers(ANSWER), headers(TRAILERS, 0x5)),
    "no protobuf": answers(
        headers(ANSWER), body(b"\0\0\0\0\x04" + b"\xff" * 4), headers(TRAILERS, 0x5)
    ),
    "half a message": answers(headers(ANSWER), body(b"\0\0\0\0\x04\n"), headers(TRAILERS, 0x5)),
    "a status of words": answers(headers(ANSWER + encode([("grpc-status", "fine")]), 0x5)),
    "a reset": answers(frame(FrameType.RST_STREAM, 0, 1, b"\0\0\0\x02")),
    "a farewell": answers(frame(FrameType.GOAWAY, 0, 0, bytes(8))),
}

GARBAGE = IMPOSTORS["another protocol"]
