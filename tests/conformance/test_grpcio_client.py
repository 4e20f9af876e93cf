"""grpcio as a real client of our server."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeVar

import grpc
import pytest
from google.protobuf.wrappers_pb2 import BytesValue, StringValue

from shim.grpc import Method
from tests.conformance import echo

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.conformance.conftest import OurEcho

_T = TypeVar("_T")
_OPTIONS = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]


@pytest.fixture
def channel(ours: OurEcho, socket_path: str) -> Iterator[grpc.Channel]:
    with grpc.insecure_channel(f"unix:{socket_path}", options=_OPTIONS) as channel:
        yield channel


def _stub(channel: grpc.Channel, method: Method[Any, Any], kind: str = "unary_unary") -> Any:
    make: Callable[..., Any] = getattr(channel, kind)
    return make(
        method.path,
        request_serializer=method.request.SerializeToString,
        response_deserializer=method.reply.FromString,
    )


async def _blocking(work: Callable[[], _T]) -> _T:
    """Run grpcio's blocking call beside our loop."""
    return await asyncio.wait_for(asyncio.to_thread(work), 60)


async def test_unary(channel: grpc.Channel) -> None:
    call = _stub(channel, echo.ECHO)
    for size in (0, 1, 16_379, 16_384, 65_535, 300_000):
        message = BytesValue(value=bytes(size))
        assert await _blocking(lambda message=message: call(message)) == message  # type: ignore[misc] # mypy does not infer a lambda with a default


async def test_twenty_megabytes_both_ways(channel: grpc.Channel) -> None:
    message = BytesValue(value=bytes(range(256)) * (echo.BIG // 256))
    assert await _blocking(lambda: _stub(channel, echo.ECHO)(message)) == message


async def test_streams(channel: grpc.Channel) -> None:
    count = _stub(channel, echo.COUNT, "unary_stream")
    numbers = await _blocking(lambda: [each.value for each in count(StringValue(value="1000"))])
    assert numbers == [str(number) for number in range(1_000)]

    collect = _stub(channel, echo.COLLECT, "stream_unary")
    pieces = [BytesValue(value=bytes(70_000))] * 100
    total = await _blocking(lambda: collect(iter(pieces)))
    assert total.value == "7000000"

    chat = _stub(channel, echo.CHAT, "stream_stream")
    said = [BytesValue(value=bytes([n]) * n * 1_000) for n in range(100)]
    assert await _blocking(lambda: list(chat(iter(said)))) == said


async def test_metadata(channel: grpc.Channel) -> None:
    call = _stub(channel, echo.METADATA)
    sent = (("k", "one"), ("other", "x"), ("k", "two words"))
    reply = await _blocking(lambda: call(StringValue(), metadata=sent))
    assert reply.value == "one|two words"


@pytest.mark.parametrize("code", [code for code in grpc.StatusCode if code.value[0]])
async def test_every_status(channel: grpc.Channel, code: grpc.StatusCode) -> None:
    request = StringValue(value=f"{code.value[0]}:{echo.UTF8_MESSAGE}")
    with pytest.raises(grpc.RpcError) as caught:
        await _blocking(lambda: _stub(channel, echo.FAIL)(request))
    assert caught.value.code() is code
    assert caught.value.details() == echo.UTF8_MESSAGE


async def test_an_unforeseen_exception_tells_its_type_only(
    channel: grpc.Channel, ours: OurEcho
) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        await _blocking(lambda: _stub(channel, echo.FAIL)(StringValue(value=":")))
    assert (caught.value.code(), caught.value.details()) == (grpc.StatusCode.UNKNOWN, "KeyError")
    ((path, error),) = ours.errors
    assert path == echo.FAIL.path
    assert isinstance(error, KeyError)


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/test.Echo/Nope", "unknown method Nope for service test.Echo"),
        ("/test.Other/Echo", "unknown service test.Other"),
    ],
)
async def test_unknown_methods(channel: grpc.Channel, path: str, words: str) -> None:
    unknown = Method(path, StringValue, StringValue)
    with pytest.raises(grpc.RpcError) as caught:
        await _blocking(lambda: _stub(channel, unknown)(StringValue()))
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED
    assert caught.value.details() == words


async def test_compression_is_refused(channel: grpc.Channel) -> None:
    call = _stub(channel, echo.ECHO)
    message = BytesValue(value=bytes(10_000))
    with pytest.raises(grpc.RpcError) as caught:
        await _blocking(lambda: call(message, compression=grpc.Compression.Gzip))
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED
    assert 'grpc-encoding "gzip"' in (caught.value.details() or "")


async def test_deadline(channel: grpc.Channel, ours: OurEcho) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        await _blocking(lambda: _stub(channel, echo.HANG)(StringValue(), timeout=0.4))
    assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    await asyncio.wait_for(ours.cancelled.wait(), 10)
    (remaining,) = ours.deadlines
    assert remaining is not None
    assert 0 < remaining < 1  # grpcio rounds a little up


async def test_cancellation(channel: grpc.Channel, ours: OurEcho) -> None:
    call = _stub(channel, echo.HANG).future(StringValue())
    await asyncio.wait_for(ours.hanging.wait(), 10)
    call.cancel()
    await asyncio.wait_for(ours.cancelled.wait(), 10)


async def test_a_hundred_calls_at_once(channel: grpc.Channel, ours: OurEcho) -> None:
    call = _stub(channel, echo.ECHO)
    messages = [BytesValue(value=b"%d" % n * n) for n in range(100)]
    together = threading.Barrier(100)

    def one(message: BytesValue) -> BytesValue:
        together.wait(30)
        reply: BytesValue = call(message)
        return reply

    with ThreadPoolExecutor(100) as pool:
        replies = await _blocking(lambda: list(pool.map(one, messages)))
    assert replies == messages
    assert ours.connections == 1


async def test_drain_and_reconnect(channel: grpc.Channel, ours: OurEcho, socket_path: str) -> None:
    """A call at hand outlives the drain's GOAWAY; the next goes to the new server."""
    chat = _stub(channel, echo.CHAT, "stream_stream")
    more = threading.Event()

    def said() -> Iterator[BytesValue]:
        yield BytesValue(value=b"before")
        more.wait(30)
        yield BytesValue(value=b"after")

    replies = chat(said())
    assert (await _blocking(lambda: next(replies))).value == b"before"
    drained = asyncio.create_task(ours.server.drain(30))
    await asyncio.sleep(0)
    more.set()
    assert (await _blocking(lambda: next(replies))).value == b"after"
    await asyncio.wait_for(drained, 30)
    assert ours.connections == 0
    await ours.server.listen_unix(socket_path)
    message = BytesValue(value=b"again")
    call = _stub(channel, echo.ECHO)
    assert await _blocking(lambda: call(message, wait_for_ready=True, timeout=30)) == message
