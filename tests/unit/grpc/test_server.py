"""Our server against a client made by hand: refusals, slow and hostile clients."""

from __future__ import annotations

import asyncio
import dataclasses
from typing import TYPE_CHECKING

import pytest
from google.protobuf.wrappers_pb2 import BytesValue

from shim import http2
from shim.grpc import Call, Channel, Limits, Method, RpcError, Server, Status, Stream
from shim.http2 import frames
from tests.unit.grpc.peer import GRPC_REQUEST, Peer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

ECHO = Method("/test.Echo/Echo", BytesValue, BytesValue)
CHAT = Method("/test.Echo/Chat", BytesValue, BytesValue)
QUICK = Method("/test.Echo/Quick", BytesValue, BytesValue)
HELLO = b"\0\0\0\0\x07\x0a\x05hello"
_LIMITS = Limits(
    max_message=1 << 20,
    max_buffered=2 << 20,
    max_concurrent_streams=4,
    greeting_timeout=0.2,
    frame_timeout=0.2,
    stall_timeout=0.3,
)


class Served:
    """A server with short patience, and what it saw."""

    def __init__(self) -> None:
        self.cancelled = 0
        self.running = 0
        self.release = asyncio.Event()
        self.connections: list[int] = []
        self.server = Server(limits=_LIMITS, on_connections=self.connections.append)
        self.server.unary(ECHO, self._echo)
        self.server.stream(CHAT, self._chat)
        self.server.unary(QUICK, self._echo, self._at_once)

    async def _echo(self, request: BytesValue, call: Call) -> BytesValue:
        if request.value == b"wait":
            self.running += 1
            try:
                await self.release.wait()
            except asyncio.CancelledError:
                self.cancelled += 1
                await self.release.wait()  # a handler that takes its time to stop
            finally:
                self.running -= 1
        if request.value == b"much":
            return BytesValue(value=bytes(30_000_000))
        return request

    def _at_once(self, request: BytesValue, call: Call) -> BytesValue | None:
        if request.value == b"refuse":
            raise RpcError(Status.FAILED_PRECONDITION, "not now")
        if request.value == b"fail":
            raise ZeroDivisionError
        return BytesValue(value=b"at once") if request.value == b"quick" else None

    async def _chat(self, stream: Stream[BytesValue, BytesValue], call: Call) -> None:
        try:
            while (message := await stream.receive()) is not None:
                for _ in range(int(message.value)):
                    await stream.send(BytesValue(value=bytes(100_000)))
        except asyncio.CancelledError:
            self.cancelled += 1
            raise


@pytest.fixture
async def served(socket_path: str) -> AsyncIterator[Served]:
    served = Served()
    await served.server.listen_unix(socket_path)
    yield served
    served.release.set()
    served.server.close()
    await asyncio.sleep(0)


def _with(name: str, value: str | None) -> list[tuple[str, str]]:
    """The request with one field changed, added, or (None) left out."""
    fields = [(key, old) for key, old in GRPC_REQUEST if key != name]
    if value is None:
        return fields
    at = 0 if name.startswith(":") else len(fields)
    return [*fields[:at], (name, value), *fields[at:]]


def _wait(text: bytes) -> bytes:
    body = BytesValue(value=text).SerializeToString()
    return b"\0" + len(body).to_bytes(4, "big") + body


@pytest.mark.parametrize(
    ("fields", "status", "code", "message"),
    [
        (_with("content-type", None), "415", 3, 'invalid gRPC request content-type ""'),
        (
            _with("content-type", "text/html"),
            "415",
            3,
            'invalid gRPC request content-type "text/html"',
        ),
        (
            _with(":method", "GET"),
            "405",
            13,
            'Received a HEADERS frame with :method "GET" which should be POST',
        ),
        (
            _with("grpc-timeout", "10s"),
            "400",
            13,
            'malformed grpc-timeout: transport: timeout unit is not recognized: "10s"',
        ),
        (_with(":path", "/test.Echo/X"), "200", 12, "unknown method X for service test.Echo"),
        (_with(":path", "/test.Not/X"), "200", 12, "unknown service test.Not"),
        (_with(":path", "nonsense"), "200", 12, 'malformed method name: "nonsense"'),
    ],
)
async def test_refusals(
    served: Served,
    socket_path: str,
    fields: list[tuple[str, str]],
    status: str,
    code: int,
    message: str,
) -> None:
    peer = await Peer.dial(socket_path)
    await peer.call(fields, HELLO)
    answer = await peer.until(http2.ResponseReceived)
    found = dict(answer.fields)
    assert answer.ended, "trailers only"
    assert (found[":status"], found["grpc-status"], found["grpc-message"]) == (
        status,
        str(code),
        message,
    )
    peer.close()


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", Status.INTERNAL),
        (HELLO[:-1], Status.INTERNAL),
        (HELLO * 2, Status.INTERNAL),
        (b"\0\0\0\0\x02\xff\xff", Status.INTERNAL),
        (b"\x01" + HELLO[1:], Status.UNIMPLEMENTED),
        (b"\0\x00\x10\x00\x01", Status.RESOURCE_EXHAUSTED),
    ],
)
async def test_bad_bodies(served: Served, socket_path: str, body: bytes, code: Status) -> None:
    peer = await Peer.dial(socket_path)
    await peer.call(GRPC_REQUEST, body)
    answer = await peer.until(http2.ResponseReceived)
    assert dict(answer.fields)["grpc-status"] == str(code.value)
    peer.close()


async def test_te_and_odd_bytes_are_no_reason_to_refuse(served: Served, socket_path: str) -> None:
    """As grpc-go: `te` is not looked at, and bytes above 0x7f in a value are let through."""
    peer = await Peer.dial(socket_path)
    await peer.call([*_with("te", None), ("odd", "\xff\xfe")], HELLO)
    assert (await peer.until(http2.DataReceived)).data == HELLO
    assert dict((await peer.until(http2.TrailersReceived)).fields) == {"grpc-status": "0"}
    peer.close()


async def test_what_can_be_answered_at_once_is(served: Served, socket_path: str) -> None:
    channel = Channel.unix(socket_path)

    async def ask(value: bytes) -> bytes:
        answer = await channel.unary(QUICK, BytesValue(value=value), timeout=5)
        return answer.value

    assert await ask(b"quick") == b"at once"
    assert await ask(b"slow") == b"slow"  # by the handler
    waiting = asyncio.create_task(ask(b"wait"))
    while not served.running:  # noqa: ASYNC110 - the handler tells in its own time
        await asyncio.sleep(0)
    answers = await asyncio.gather(*(ask(b"quick") for _ in range(3)))  # beside a running call
    assert answers == [b"at once"] * 3
    served.release.set()
    assert await waiting == b"wait"
    await channel.close()


async def test_what_fails_at_once_is_answered_as_a_handlers_failure(
    served: Served, socket_path: str
) -> None:
    channel = Channel.unix(socket_path)
    for value, code, message in (
        (b"refuse", Status.FAILED_PRECONDITION, "not now"),
        (b"fail", Status.UNKNOWN, "ZeroDivisionError"),
    ):
        with pytest.raises(RpcError) as refusal:
            await channel.unary(QUICK, BytesValue(value=value), timeout=5)
        assert (refusal.value.code, refusal.value.message) == (code, message)
    await channel.close()


async def test_a_deadline_ends_a_call_here_too(served: Served, socket_path: str) -> None:
    peer = await Peer.dial(socket_path)
    await peer.call(_with("grpc-timeout", "100m"), _wait(b"wait"))
    answer = await peer.until(http2.ResponseReceived)
    assert dict(answer.fields)["grpc-status"] == str(Status.DEADLINE_EXCEEDED.value)
    while not served.cancelled:  # noqa: ASYNC110 - the handler tells in its own time
        await asyncio.sleep(0.01)
    peer.close()


async def test_cancelled_handlers_count_until_they_end(served: Served, socket_path: str) -> None:
    """Rapid reset: streams are free at once, the handlers behind them are not."""
    peer = await Peer.dial(socket_path)
    for _ in range(4):
        stream = await peer.call(GRPC_REQUEST, _wait(b"wait"))
        while served.running <= stream.id // 2:  # noqa: ASYNC110 - as above
            await asyncio.sleep(0.01)
        peer.core.reset(stream, http2.ErrorCode.CANCEL)
    refused = await peer.call(GRPC_REQUEST, HELLO)
    reset = await peer.until(http2.StreamReset)
    assert (reset.stream, reset.code) == (refused, http2.ErrorCode.REFUSED_STREAM)
    assert served.running == 4
    served.release.set()
    while served.running:  # noqa: ASYNC110 - as above
        await asyncio.sleep(0.01)
    await peer.call(GRPC_REQUEST, HELLO)
    assert (await peer.until(http2.DataReceived)).data == HELLO
    peer.close()


async def test_unfinished_messages_are_bounded_over_all_calls(
    served: Served, socket_path: str
) -> None:
    peer = await Peer.dial(socket_path)
    for _ in range(3):
        stream = peer.core.open()
        peer.core.send_headers(stream, http2.encode(GRPC_REQUEST))
        peer.core.send_data(stream, b"\0\0\x10\0\0" + bytes(900_000))
    await peer.flush()
    answer = await peer.until(http2.ResponseReceived)
    assert dict(answer.fields)["grpc-status"] == str(Status.RESOURCE_EXHAUSTED.value)
    peer.close()


async def test_each_payer_has_the_whole_bound(socket_path: str) -> None:
    server = Server(limits=dataclasses.replace(_LIMITS, payer="mount"))
    server.unary(ECHO, Served()._echo)
    await server.listen_unix(socket_path)
    peer = await Peer.dial(socket_path)
    greedy = [*GRPC_REQUEST, ("mount", "greedy")]
    for _ in range(3):
        stream = peer.core.open()
        peer.core.send_headers(stream, http2.encode(greedy))
        peer.core.send_data(stream, b"\0\0\x10\0\0" + bytes(900_000))
    await peer.flush()
    answer = await peer.until(http2.ResponseReceived)
    assert dict(answer.fields)["grpc-status"] == str(Status.RESOURCE_EXHAUSTED.value)
    for fields in ([*GRPC_REQUEST, ("mount", "modest")], GRPC_REQUEST):
        await peer.call(fields, _wait(b"x" * 100_000))
        assert dict((await peer.until(http2.ResponseReceived)).fields).keys() == {
            ":status",
            "content-type",
        }
    peer.close()
    server.close()


async def test_the_rest_of_a_message_answered_at_sight_is_not_taken(socket_path: str) -> None:
    begun: list[int] = []

    def at_sight(head: bytes, call: Call) -> BytesValue | None:
        begun.append(len(head))
        return BytesValue(value=b"seen") if len(head) > 40_000 else None

    server = Server(limits=Limits())
    server.unary(ECHO, Served()._echo, at_sight=at_sight)
    await server.listen_unix(socket_path)
    peer = await Peer.dial(socket_path)
    stream = peer.core.open()
    peer.core.send_headers(stream, http2.encode(GRPC_REQUEST))
    peer.core.send_data(stream, b"\0\2\0\0\0" + bytes(1 << 20))  # of 32 MiB
    await peer.flush()
    assert bytes((await peer.until(http2.DataReceived)).data).endswith(b"seen")
    assert dict((await peer.until(http2.TrailersReceived)).fields)["grpc-status"] == "0"
    assert len(begun) == 3, "one look at each frame"
    assert (await peer.until(http2.StreamReset)).code == http2.ErrorCode.NO_ERROR
    await peer.call(GRPC_REQUEST, _wait(b"x" * 100_000))
    await peer.until(http2.DataReceived)
    assert len(begun) == 3, "of what is short it is not asked"
    peer.close()
    server.close()


async def _says_nothing(peer: Peer) -> None:
    """Connect, and that is all."""


async def _stops_in_the_preface(peer: Peer) -> None:
    peer.writer.write(frames.PREFACE[:10])


async def _stops_in_a_frame(peer: Peer) -> None:
    peer.writer.write(peer.core.take(0) + frames.frame_header(100, 0, 0, 1) + b"x")


async def _stops_in_a_header_block(peer: Peer) -> None:
    await peer.flush()
    peer.writer.write(frames.frame(1, 0, 1, b"\x83"))


@pytest.mark.parametrize(
    "behaviour", [_says_nothing, _stops_in_the_preface, _stops_in_a_frame, _stops_in_a_header_block]
)
async def test_slow_clients_are_cut_off(
    served: Served,
    socket_path: str,
    behaviour: Callable[[Peer], object],
    caplog: pytest.LogCaptureFixture,
) -> None:
    reader, writer = await asyncio.open_unix_connection(socket_path)
    peer = Peer(http2.Role.CLIENT, reader, writer)
    await behaviour(peer)  # type: ignore[misc] # all of them are coroutine functions
    async with asyncio.timeout(10):
        while await reader.read(1_000):
            pass
    writer.close()
    assert served.connections == [1, 0]
    assert "the connection with a client was cut: " in caplog.text
    assert " in time" in caplog.text


async def test_a_client_that_never_reads_is_cut_off(
    served: Served, socket_path: str, caplog: pytest.LogCaptureFixture
) -> None:
    huge = http2.Limits(stream_window=1 << 30, connection_window=1 << 30)
    peer = await Peer.dial(socket_path, huge)
    await peer.call(GRPC_REQUEST, _wait(b"much"))
    async with asyncio.timeout(10):
        while served.connections != [1, 0]:  # noqa: ASYNC110 - the server tells in its own time
            await asyncio.sleep(0.02)
    assert "was cut: the peer does not read" in caplog.text
    peer.close()


async def test_a_client_whose_window_stays_shut_loses_the_call(
    served: Served, socket_path: str
) -> None:
    peer = await Peer.dial(socket_path)
    stream = await peer.call(_with(":path", CHAT.path), _wait(b"100"))
    reset = await peer.until(http2.StreamReset)
    assert (reset.stream, reset.code) == (stream, http2.ErrorCode.CANCEL)
    while not served.cancelled:  # noqa: ASYNC110 - the handler tells in its own time
        await asyncio.sleep(0.01)
    await peer.call(GRPC_REQUEST, HELLO)
    peer.close()


async def test_garbage_is_answered_goaway_and_closed(
    served: Served, socket_path: str, caplog: pytest.LogCaptureFixture
) -> None:
    peer = await Peer.dial(socket_path)
    await peer.until(http2.SettingsReceived)
    peer.writer.write(frames.frame(6, 0, 3, bytes(8)))
    goaway = await peer.until(http2.GoawayReceived)
    assert goaway.code == http2.ErrorCode.PROTOCOL_ERROR
    await peer.until_closed()
    assert "was cut: it broke HTTP/2: PING frame on stream 3" in caplog.text
    peer.close()


async def test_a_lost_client_cancels_its_handlers(served: Served, socket_path: str) -> None:
    peer = await Peer.dial(socket_path)
    await peer.call(GRPC_REQUEST, _wait(b"wait"))
    while not served.running:  # noqa: ASYNC110 - the handler tells in its own time
        await asyncio.sleep(0.01)
    peer.close()
    while not served.cancelled:  # noqa: ASYNC110 - as above
        await asyncio.sleep(0.01)
    assert served.connections == [1, 0]


async def test_a_drain_cuts_what_outlasts_its_grace(served: Served, socket_path: str) -> None:
    channel = Channel.unix(socket_path)
    call = asyncio.create_task(channel.unary(ECHO, BytesValue(value=b"wait"), timeout=20))
    while not served.running:  # noqa: ASYNC110 - the handler tells in its own time
        await asyncio.sleep(0.01)
    await served.server.drain(0.1)
    with pytest.raises(RpcError) as caught:
        await call
    assert caught.value.code is Status.UNAVAILABLE
    with pytest.raises(RpcError, match="no such file"):
        await channel.unary(ECHO, BytesValue(), timeout=5)
    await channel.close()


async def test_an_idle_server_drains_at_once(served: Served, socket_path: str) -> None:
    channel = Channel.unix(socket_path)
    await channel.unary(ECHO, BytesValue(), timeout=20)
    async with asyncio.timeout(5):
        await served.server.drain(60)
    assert served.connections == [1, 0]
    await channel.close()
