"""grpcio as a real server for our channel."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from google.protobuf.wrappers_pb2 import BytesValue, StringValue

from shim.grpc import Channel, Method, RpcError, Status
from tests.conformance import echo
from tests.conformance.conftest import GrpcioEcho

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@pytest.fixture
async def channel(theirs: GrpcioEcho) -> AsyncIterator[Channel]:
    channel = Channel.unix(theirs.path)
    yield channel
    await channel.close()


async def test_unary(channel: Channel) -> None:
    for size in (0, 1, 16_379, 16_384, 65_535, 300_000):
        message = BytesValue(value=bytes(size))
        assert await channel.unary(echo.ECHO, message, timeout=20) == message
    assert channel.connections == 1


async def test_twenty_megabytes_both_ways(channel: Channel) -> None:
    message = BytesValue(value=bytes(range(256)) * (echo.BIG // 256))
    assert await channel.unary(echo.ECHO, message, timeout=60) == message


async def test_streams(channel: Channel) -> None:
    async with channel.stream(echo.COUNT, timeout=20) as count:
        await count.send(StringValue(value="1000"))
        await count.done_writing()
        numbers = []
        while (message := await count.receive()) is not None:
            numbers.append(message.value)
    assert numbers == [str(number) for number in range(1_000)]

    async with channel.stream(echo.COLLECT, timeout=20) as collect:
        for _ in range(100):
            await collect.send(BytesValue(value=bytes(70_000)))
        await collect.done_writing()
        total = await collect.receive()
        assert total == StringValue(value="7000000")
        assert await collect.receive() is None

    async with channel.stream(echo.CHAT, timeout=20) as chat:
        for number in range(50):
            said = BytesValue(value=bytes([number]) * number * 1_000)
            await chat.send(said)
            assert await chat.receive() == said
        await chat.done_writing()
        assert await chat.receive() is None


async def test_metadata(channel: Channel) -> None:
    sent = (("k", "one"), ("other", "x"), ("k", "two words"))
    reply = await channel.unary(echo.METADATA, StringValue(), timeout=20, metadata=sent)
    assert reply.value == "one|two words"


@pytest.mark.parametrize("code", [code for code in Status if code])
async def test_every_status(channel: Channel, code: Status) -> None:
    request = StringValue(value=f"{code.value}:{echo.UTF8_MESSAGE}")
    with pytest.raises(RpcError) as caught:
        await channel.unary(echo.FAIL, request, timeout=20)
    assert caught.value.code is code
    assert caught.value.message == echo.UTF8_MESSAGE


async def test_unknown_method(channel: Channel) -> None:
    with pytest.raises(RpcError) as caught:
        await channel.unary(Method("/a.B/C", StringValue, StringValue), StringValue(), timeout=20)
    assert caught.value.code is Status.UNIMPLEMENTED


async def test_deadline(channel: Channel, theirs: GrpcioEcho) -> None:
    with pytest.raises(RpcError) as caught:
        await channel.unary(echo.HANG, StringValue(), timeout=0.4)
    assert caught.value.code is Status.DEADLINE_EXCEEDED
    assert await asyncio.to_thread(theirs.cancelled.wait, 10)
    (remaining,) = theirs.remaining
    assert remaining is not None
    assert 0 < remaining < 1  # grpcio rounds a little up


async def test_cancellation(channel: Channel, theirs: GrpcioEcho) -> None:
    task = asyncio.create_task(channel.unary(echo.HANG, StringValue(), timeout=60))
    assert await asyncio.to_thread(theirs.hanging.wait, 10)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await asyncio.to_thread(theirs.cancelled.wait, 10)


async def test_a_hundred_calls_at_once(channel: Channel) -> None:
    messages = [BytesValue(value=b"%d" % n * n) for n in range(100)]
    replies = await asyncio.gather(
        *(channel.unary(echo.ECHO, message, timeout=30) for message in messages)
    )
    assert replies == messages
    assert channel.connections == 1


async def test_goaway_and_reconnect(channel: Channel, theirs: GrpcioEcho) -> None:
    """A call at hand outlives the server's GOAWAY; the next call dials the new server."""
    async with channel.stream(echo.CHAT, timeout=30) as chat:
        await chat.send(BytesValue(value=b"before"))
        await chat.receive()
        stopped = theirs.stop(30)
        await chat.send(BytesValue(value=b"after"))
        assert await chat.receive() == BytesValue(value=b"after")
        await chat.done_writing()
        assert await chat.receive() is None
    assert await asyncio.to_thread(stopped.wait, 30)
    again = GrpcioEcho(theirs.path)
    try:
        message = BytesValue(value=b"again")
        assert await channel.unary(echo.ECHO, message, timeout=30) == message
        assert channel.connections == 2
    finally:
        again.close()
