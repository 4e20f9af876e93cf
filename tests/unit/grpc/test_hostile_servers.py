"""Servers that send for ever what carries nothing: cut off, and whoever waits is told why."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import pytest
from google.protobuf.wrappers_pb2 import BytesValue

from shim.grpc import Channel, Method, RpcError, Status
from shim.http2 import frames
from shim.http2.frames import frame
from tests.unit.http2.wire import GREETING, RESPONSE, data, headers

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

ECHO = Method("/test.Echo/Echo", BytesValue, BytesValue)
LONG = b"\0\x03\xff\xff\xff"  # before a message of 64 MB
FLOODS = {
    "body": data(1, bytes(16_384)),
    "a byte a frame": data(1, b"x") * 1_000,
    "nothing": data(1, b"") * 1_000,
    "pings": frames.ping(bytes(8)) * 1_000,
    "acknowledgements": frames.ping(bytes(8), ack=True) * 1_000,
    "settings": GREETING * 1_000,
    "windows": frames.window_update(0, 1) * 1_000,
    "resets": frames.rst_stream(1, 8) * 1_000,
    "trailers": headers(1, RESPONSE, end=True) * 1_000,
    "unknown": frame(0x77, 0, 0) * 1_000,
}


class Hostile:
    """Answers the first request by `first`, and when told to, floods until it is cut off."""

    def __init__(self, first: bytes, flood: bytes) -> None:
        self.first = first
        self.flood = flood
        self.go_on = asyncio.Event()
        self.cut = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(GREETING)
        await reader.readuntil(b"application/grpc")
        writer.write(self.first)
        await self.go_on.wait()
        with contextlib.suppress(ConnectionError):
            while not writer.is_closing():
                writer.write(self.flood)
                await writer.drain()
        writer.close()
        self.cut.set()


@contextlib.asynccontextmanager
async def facing(hostile: Hostile, path: str) -> AsyncIterator[Channel]:
    listener = await asyncio.start_unix_server(hostile.serve, path)
    channel = Channel.unix(path)
    try:
        yield channel
    finally:
        await channel.close()
        listener.close()


@pytest.mark.parametrize("flood", FLOODS.values(), ids=FLOODS)
async def test_a_flood_while_nobody_asks_anything(
    flood: bytes, socket_path: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Behind a call that was given up: its stream is reset."""
    hostile = Hostile(headers(1, RESPONSE) + data(1, LONG), flood)
    async with facing(hostile, socket_path) as channel:
        with pytest.raises(RpcError) as late:
            await channel.unary(ECHO, BytesValue(), timeout=0.2)
        assert late.value.code is Status.DEADLINE_EXCEEDED
        assert channel.connected
        hostile.go_on.set()
        await asyncio.wait_for(hostile.cut.wait(), 20)
        assert not channel.connected
        assert f"the connection with {socket_path} was cut: the server broke HTTP/2" in caplog.text


@pytest.mark.parametrize("kind", ["a byte a frame", "pings", "settings", "windows", "unknown"])
async def test_a_flood_in_place_of_an_answer(
    kind: str, socket_path: str, caplog: pytest.LogCaptureFixture
) -> None:
    hostile = Hostile(headers(1, RESPONSE) + data(1, LONG), FLOODS[kind])
    hostile.go_on.set()
    async with facing(hostile, socket_path) as channel:
        with pytest.raises(RpcError, match="too many frames without work") as told:
            await channel.unary(ECHO, BytesValue(), timeout=20)
        assert told.value.code is Status.UNAVAILABLE
        await asyncio.wait_for(hostile.cut.wait(), 20)
    assert "was cut: the server broke HTTP/2: too many frames without work" in caplog.text
