"""Answers that reach nobody: whoever gave them hears of it, and of no others."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from google.protobuf.wrappers_pb2 import BytesValue

from shim import http2
from shim.grpc import Call, Limits, Method, Server
from shim.grpc.answered import PING, Answered
from shim.http2 import frames
from tests.unit.grpc.peer import GRPC_REQUEST, Peer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

GIVE = Method("/test.Echo/Echo", BytesValue, BytesValue)
ASK = b"\0\0\0\0\x03\x0a\x01"  # and one byte, which says what is asked
CANCEL = int(http2.ErrorCode.CANCEL)


class Giver:
    """A server whose every answer is to be heard of when nobody takes it."""

    def __init__(self) -> None:
        self.untaken: list[bytes] = []
        self.go_on = asyncio.Event()
        self.server = Server(limits=Limits(stall_timeout=0.3))
        self.server.unary(GIVE, self._give)

    async def _give(self, request: BytesValue, call: Call) -> BytesValue:
        if request.value == b"l":  # late, whatever becomes of the call
            with_patience = asyncio.ensure_future(self.go_on.wait())
            while not with_patience.done():
                try:
                    await asyncio.shield(with_patience)
                except asyncio.CancelledError:
                    continue
        if request.value != b"n":
            call.on_untaken = lambda: self.untaken.append(request.value)
        return BytesValue(value=bytes(300_000) if request.value == b"b" else request.value)

    async def hears(self, *values: bytes) -> None:
        async with asyncio.timeout(10):
            while len(self.untaken) < len(values):  # noqa: ASYNC110 - it tells in its own time
                await asyncio.sleep(0.01)
        assert self.untaken == list(values)


@pytest.fixture
async def giver(socket_path: str) -> AsyncIterator[Giver]:
    giver = Giver()
    await giver.server.listen_unix(socket_path)
    yield giver
    giver.go_on.set()
    giver.server.close()
    await asyncio.sleep(0)


class ByHand(Peer):
    """A client that acknowledges no PING but by hand."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.wire = b""

    @property
    def pings(self) -> int:
        return self.wire.count(frames.ping(PING))

    async def read(self) -> bool:
        data = await asyncio.wait_for(self.reader.read(1 << 20), 20)
        self.wire += data
        self.events += self.core.receive(data, 0.0)
        self.core.take(0)
        return bool(data)

    async def acknowledge(self) -> None:
        self.writer.write(frames.ping(PING, ack=True))
        await self.writer.drain()

    async def give_up(self, stream: http2.Stream, code: int = CANCEL) -> None:
        self.writer.write(frames.rst_stream(stream.id, code))
        await self.writer.drain()

    async def taken(self, value: bytes) -> http2.Stream:
        """A call and its whole answer."""
        stream = await self.call(GRPC_REQUEST, ASK + value)
        await self.until(http2.TrailersReceived)
        return stream


async def settled(peer: ByHand) -> None:
    """A call that tells nobody anything: all that was sent before it is handled."""
    await peer.taken(b"n")


async def test_a_reset_before_the_acknowledgement_is_heard_of(
    giver: Giver, socket_path: str
) -> None:
    peer = await ByHand.dial(socket_path)
    first, second = await peer.taken(b"1"), await peer.taken(b"2")
    assert peer.pings == 1, "one PING stands for all"
    await peer.give_up(second)
    await giver.hears(b"2")
    await peer.give_up(second)
    await peer.give_up(first)
    await giver.hears(b"2", b"1")
    peer.close()


async def test_an_acknowledged_answer_is_taken(giver: Giver, socket_path: str) -> None:
    peer = await ByHand.dial(socket_path)
    covered, later = await peer.taken(b"1"), await peer.taken(b"2")
    await peer.acknowledge()
    while peer.pings < 2:  # another one for what was answered since
        assert await peer.read()
    await peer.give_up(covered)
    await peer.give_up(later)
    await giver.hears(b"2")
    await peer.acknowledge()
    await settled(peer)
    assert peer.pings == 2, "nothing is left to ask for"
    peer.close()


async def test_an_acknowledgement_nobody_asked_for_changes_nothing(
    giver: Giver, socket_path: str
) -> None:
    peer = await ByHand.dial(socket_path)
    await peer.acknowledge()
    stream = await peer.taken(b"1")
    await peer.give_up(stream)
    await giver.hears(b"1")
    peer.close()


async def test_a_reset_without_error_is_no_giving_up(giver: Giver, socket_path: str) -> None:
    """What a client sends whose request had not ended when the whole answer came."""
    peer = await ByHand.dial(socket_path)
    stream = await peer.taken(b"1")
    await peer.give_up(stream, http2.ErrorCode.NO_ERROR)
    await settled(peer)
    assert giver.untaken == []
    peer.close()


async def test_what_asks_for_nothing_costs_no_ping(giver: Giver, socket_path: str) -> None:
    peer = await ByHand.dial(socket_path)
    await peer.give_up(await peer.taken(b"n"))
    await settled(peer)
    assert peer.pings == 0
    assert giver.untaken == []
    peer.close()


async def test_an_answer_that_waits_for_the_window(giver: Giver, socket_path: str) -> None:
    """A big one: given up before it is all sent, and, once it is, before the acknowledgement."""
    peer = await ByHand.dial(socket_path, http2.Limits(stream_window=65_535))
    stream = await peer.call(GRPC_REQUEST, ASK + b"b")
    await peer.until(http2.DataReceived)
    assert peer.pings == 0
    await peer.give_up(stream)
    await giver.hears(b"b")
    peer.close()
    peer = await ByHand.dial(socket_path)
    stream = await peer.call(GRPC_REQUEST, ASK + b"b")
    while not peer.pings:
        await peer.read()
    await peer.give_up(stream)
    await giver.hears(b"b", b"b")
    peer.close()


async def test_a_window_that_stays_shut(giver: Giver, socket_path: str) -> None:
    peer = await ByHand.dial(socket_path, http2.Limits(stream_window=65_535))
    await peer.call(GRPC_REQUEST, ASK + b"b")
    await giver.hears(b"b")
    peer.close()


async def test_a_handler_that_goes_on_behind_a_cancel_or_a_deadline(
    giver: Giver, socket_path: str
) -> None:
    peer = await ByHand.dial(socket_path)
    stream = await peer.call(GRPC_REQUEST, ASK + b"l")
    await peer.call([*GRPC_REQUEST, ("grpc-timeout", "50m")], ASK + b"l")
    answer = await peer.until(http2.ResponseReceived)
    assert dict(answer.fields)["grpc-status"] == "4"
    await peer.give_up(stream)
    await settled(peer)
    assert giver.untaken == []
    giver.go_on.set()
    await giver.hears(b"l", b"l")
    assert peer.pings == 0
    peer.close()


async def test_a_client_that_is_gone_took_what_was_sent(giver: Giver, socket_path: str) -> None:
    peer = await ByHand.dial(socket_path)
    await peer.taken(b"1")
    peer.close()
    other = await ByHand.dial(socket_path)
    await settled(other)
    assert giver.untaken == []
    other.close()


def test_a_client_that_acknowledges_nothing_costs_bounded_memory() -> None:
    answered = Answered()
    told: list[int] = []

    def call(number: int) -> Call:
        call = Call([], None, None)
        call.on_untaken = lambda: told.append(number)
        return call

    for number in range(10_000):
        answered.add(number, call(number))
        assert answered.ask() == (number == 0)
    for number in range(10_000):
        answered.reset(number)
    assert len(told) < 5_000
    assert {0, 9_999} <= set(told)
