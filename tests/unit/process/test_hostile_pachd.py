"""A pachd that is none: the engine's process is led to it by config, and comes to no harm."""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable

from shim.http2 import encode
from shim.http2.frames import END_HEADERS, FrameType, frame
from tests.unit.process.hostile import SECRET
from tests.unit.process.mounted import INTERNAL, Mounted, mounted

SETTINGS = frame(FrameType.SETTINGS, 0, 0)
LONG = b"\0\x03\xff\xff\xff"  # before a message of 64 MB
ANSWER = encode([(":status", "200"), ("content-type", "application/grpc")])
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


def once(words: bytes, *, then_hang_up: bool = False) -> Behaviour:
    """Says `words`, and nothing more."""

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(words)
        while not then_hang_up and await reader.read(1000):
            pass

    return behave


async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One byte at a time, a whole frame never."""
    for byte in SETTINGS + frame(FrameType.HEADERS, END_HEADERS, 1, bytes(5_000)):
        writer.write(bytes([byte]))
        await asyncio.sleep(0.05)


def headers(block: bytes, flags: int = END_HEADERS) -> bytes:
    return frame(FrameType.HEADERS, flags, 1, block)


def body(data: bytes) -> bytes:
    return frame(FrameType.DATA, 0, 1, data)


BEHAVIOURS = {
    "nothing": once(b""),
    "hangs up": once(b"", then_hang_up=True),
    "hangs up after its greeting": once(SETTINGS, then_hang_up=True),
    "garbage": once(bytes(range(256)) * 100),
    "another protocol": once(b"HTTP/1.1 200 OK\r\n\r\nhello"),
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
    "messages without end": endless(headers(ANSWER) + body(bytes(5)) * 3_000),
    "a message of 4 GB": endless(headers(ANSWER) + body(b"\0\xff\xff\xff\xff")),
    "a message with escapes": endless(
        headers(ANSWER + encode([("grpc-status", "2"), ("grpc-message", "%ff%0a%1b[31m%")]), 0x5)
    ),
    "a status beyond all": endless(headers(ANSWER + encode([("grpc-status", "9" * 9_000)]), 0x5)),
}


@contextlib.asynccontextmanager
async def listening(behave: Behaviour) -> AsyncIterator[str]:
    """The address of a server that behaves like that."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            await behave(reader, writer)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


async def refusal(mount: Mounted, operation: str, path: str, **data: object) -> str:
    """The words of a refusal, which must come in time."""
    started = time.monotonic()
    reply = await mount.ask(operation, path, **data)
    assert time.monotonic() - started < 8
    assert reply.err.err_type != INTERNAL
    text = reply.err.err_msg or json.loads(reply.response.data)["error"]
    assert SECRET not in text
    return str(text)


async def test_whatever_answers_at_pachds_address_does_no_harm() -> None:
    async with mounted() as mount, contextlib.AsyncExitStack() as stack:
        addresses = {
            name: await stack.enter_async_context(listening(behave))
            for name, behave in BEHAVIOURS.items()
        }
        asked = {"admin_token": SECRET, "request_timeout": "2s"}
        words = await asyncio.gather(
            *(
                refusal(mount, "update", "config", pachd_address=address, **asked)
                for address in addresses.values()
            )
        )
        told = dict(zip(BEHAVIOURS, words, strict=True))
        assert [name for name, text in told.items() if addresses[name] not in text] == []
        assert mount.peak < 300_000
        assert not mount.logged(SECRET)
        version = await mount.ask("read", "version/client-only")
        assert "client-version" in version.response.data
