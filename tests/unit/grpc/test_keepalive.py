"""PINGs: how many, what they prove, and what becomes of a connection that nobody uses."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING

import pytest
from google.protobuf.wrappers_pb2 import StringValue

from shim import http2
from shim.grpc import Call, Channel, Keepalive, Method, RpcError, Server
from shim.grpc.keepalive import Pings
from tests.pachd.relay import Relay
from tests.unit.grpc.peer import Peer, PeerServer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

ECHO = Method("/test.Echo/Say", StringValue, StringValue)
SLOW = Method("/test.Echo/Think", StringValue, StringValue)
NONE = Method("/test.Echo/None", StringValue, StringValue)


class Enforcement:
    """grpc-go's keepalive enforcement of a server, with pachd's MinTime; times in seconds."""

    def __init__(self) -> None:
        self._last = float("-inf")
        self._strikes = 0
        self._wiped = False

    def answer(self) -> None:
        """HEADERS or DATA go out."""
        self._wiped = True

    def ping(self, now: float) -> None:
        """A PING comes in. Raises AssertionError where the server would hang up."""
        if self._wiped:
            self._wiped, self._strikes = False, 0
        elif now - self._last < 5:
            self._strikes += 1
        self._last = now
        assert self._strikes <= 2, "too_many_pings"


@pytest.mark.parametrize("seed", range(20))
def test_whatever_is_asked_no_server_hangs_up(seed: int) -> None:
    chance = random.Random(seed)
    pings, server = Pings(), Enforcement()
    now = 0.0
    for _ in range(5_000):
        now += chance.choice([0.01, 0.3, 1.5, 3, 6, 20])
        if pings.spend(now):
            server.ping(now + chance.uniform(0, 0.4))  # the network's share
        if chance.random() < 0.1:
            server.answer()
            pings.answered()


def test_a_keepalive_of_20_seconds_is_always_to_be_had() -> None:
    pings = Pings()
    assert all(pings.spend(20.0 * beat) for beat in range(1_000))


@pytest.fixture
async def port() -> AsyncIterator[int]:
    async def say(request: StringValue, call: Call) -> StringValue:
        return request

    async def think(request: StringValue, call: Call) -> StringValue:
        await asyncio.sleep(float(request.value))
        return request

    server = Server()
    server.unary(ECHO, say)
    server.unary(SLOW, think)
    yield await server.listen_tcp("127.0.0.1", 0)
    server.close()


async def test_a_connection_that_nobody_uses_is_closed(port: int) -> None:
    channel = Channel.tcp("127.0.0.1", port, keepalive=Keepalive(idle=0.05, unused=0.3))
    await channel.unary(ECHO, StringValue(value="a"), timeout=5)
    link = channel._link
    assert link is not None
    async with asyncio.timeout(5):
        while not link.lost:  # noqa: ASYNC110  nobody tells of it
            await asyncio.sleep(0.02)
    await channel.unary(ECHO, StringValue(value="b"), timeout=5)
    assert channel.connections == 2
    await channel.close()


async def test_one_proof_stands_for_all_who_ask(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    channel = Channel.tcp("127.0.0.1", port, keepalive=Keepalive(fresh=0.05))
    await channel.unary(ECHO, StringValue(value="a"), timeout=5)
    link = channel._link
    assert link is not None
    sent: list[float] = []
    spend = Pings.spend

    def counted(pings: Pings, now: float) -> bool:
        may = spend(pings, now)
        sent.extend([now] * may)
        return may

    monkeypatch.setattr(Pings, "spend", counted)
    for _ in range(5):
        await asyncio.sleep(0.1)
        said = (channel.unary(ECHO, StringValue(value=str(n)), timeout=5) for n in range(50))
        assert [reply.value for reply in await asyncio.gather(*said)] == [str(n) for n in range(50)]
    assert len(sent) == 5
    assert channel.connections == 1
    await channel.close()


async def test_a_proof_that_was_just_asked_for_cuts_nobody_off(port: int) -> None:
    """A call waits, and as its server's silence is looked at, another's PING is on its way."""
    async with Relay(port, 60, silent=True, delay=0.15) as relay:
        channel = Channel.tcp("127.0.0.1", relay.port, keepalive=Keepalive(waiting=0.8, fresh=0.7))
        await channel.connect(5)
        await asyncio.sleep(0.4)  # for the rest of what is said at the start
        slow = asyncio.create_task(channel.unary(SLOW, StringValue(value="1.5"), timeout=5))
        await asyncio.sleep(0.68)
        quick = channel.unary(SLOW, StringValue(value="0"), timeout=5)
        assert {reply.value for reply in await asyncio.gather(slow, quick)} == {"1.5", "0"}
        assert channel.connections == 1
        await channel.close()


async def test_refusals_are_answers_too(port: int) -> None:
    """grpc-go forgets strikes for them as well: each pause ends with a proof."""
    channel = Channel.tcp("127.0.0.1", port, keepalive=Keepalive(fresh=0.01))
    for _ in range(5):
        with pytest.raises(RpcError, match="unknown"):
            await channel.unary(NONE, StringValue(), timeout=5)
        await asyncio.sleep(0.05)
        link = channel._link
        assert link is not None
        assert not link.at_hand
        before = link._pings.last
        assert await link.prove()
        assert link._pings.last > before
    await channel.close()


@pytest.mark.parametrize(("words", "interval"), [(b"too_many_pings", 40), (b"bye", 20)])
async def test_a_server_that_had_too_many_is_asked_half_as_often(
    socket_path: str, words: bytes, interval: float
) -> None:
    async def scold(peer: Peer) -> None:
        await peer.until(http2.SettingsReceived)
        peer.core.goodbye(http2.ErrorCode.ENHANCE_YOUR_CALM, words.decode())
        await peer.flush()
        await peer.until_closed()

    async def wait(peer: Peer) -> None:
        await peer.until_closed()

    async with PeerServer(socket_path, scold, wait) as server:
        channel = Channel.unix(socket_path, keepalive=Keepalive())
        await channel.connect(5)
        async with asyncio.timeout(5):
            while server.accepted == 1:
                await channel.connect(5)
                await asyncio.sleep(0.01)
        link = channel._link
        assert link is not None
        assert link._keepalive == Keepalive(idle=interval)
        await channel.close()


async def given_up(channel: Channel) -> None:
    """A pause, and a call that is not answered in time: its proof was one PING more."""
    await asyncio.sleep(0.15)
    with pytest.raises(RpcError, match="deadline"):
        await channel.unary(SLOW, StringValue(value="20"), timeout=0.15)


async def test_who_may_send_no_ping_trusts_no_old_answer(port: int) -> None:
    """The network has forgotten the flow since its last PING was answered."""
    async with Relay(port, 0.4, silent=True) as relay:
        keepalive = Keepalive(fresh=0.1, proof=0.5)
        channel = Channel.tcp("127.0.0.1", relay.port, keepalive=keepalive)
        await channel.connect(5)
        for _ in range(2):
            await given_up(channel)
        await asyncio.sleep(0.8)
        assert (await channel.unary(ECHO, StringValue(value="a"), timeout=2)).value == "a"
        assert channel.connections == 2
        await channel.close()


async def test_the_calls_of_a_connection_that_is_left_go_on(port: int) -> None:
    channel = Channel.tcp("127.0.0.1", port, keepalive=Keepalive(fresh=0.1))
    await channel.connect(5)
    slow = asyncio.create_task(channel.unary(SLOW, StringValue(value="1.5"), timeout=5))
    await asyncio.sleep(0)
    left = channel._link
    for _ in range(3):
        await given_up(channel)
    assert channel.connections == 2
    assert (await slow).value == "1.5"
    assert left is not None
    async with asyncio.timeout(5):
        while not left.lost:  # noqa: ASYNC110  nobody tells of it
            await asyncio.sleep(0.02)
    await channel.close()


@pytest.mark.parametrize("silent", [False, True], ids=["by reset", "by silence"])
async def test_an_idle_connection_is_not_forgotten(port: int, silent: bool) -> None:
    async with Relay(port, 1.2, silent=silent) as relay:
        channel = Channel.tcp("127.0.0.1", relay.port, keepalive=Keepalive(idle=0.3))
        await channel.unary(ECHO, StringValue(value="a"), timeout=5)
        link = channel._link
        assert link is not None
        link._pings._strikes = -10  # so many would be too many in so short a time
        await asyncio.sleep(2)
        await channel.unary(ECHO, StringValue(value="b"), timeout=5)
        assert relay.flows == 1
        await channel.close()


async def test_a_server_that_answers_nothing_but_pings_is_left(socket_path: str) -> None:
    async def forgetful(peer: Peer) -> None:
        await peer.until_closed()

    async def empty(peer: Peer) -> None:
        stream = (await peer.until(http2.RequestReceived)).stream
        await peer.answer(stream, bytes(5))
        await peer.until_closed()

    async with PeerServer(socket_path, forgetful, empty):
        channel = Channel.unix(socket_path, keepalive=Keepalive(fresh=0.1))
        await channel.connect(5)
        for _ in range(2):
            await given_up(channel)
        await asyncio.sleep(0.15)
        await channel.unary(ECHO, StringValue(), timeout=5)
        assert channel.connections == 2
        await channel.close()
