"""Our channel against servers made by hand: what is retried, what is not, and that all ends."""

from __future__ import annotations

import asyncio
import dataclasses
import socket
import struct
from typing import TYPE_CHECKING

import pytest
from google.protobuf.wrappers_pb2 import BytesValue

from shim import http2
from shim.grpc import Channel, Keepalive, Limits, Method, Patience, RpcError, Status
from shim.http2 import frames
from tests.unit.grpc.peer import Peer, PeerServer

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from shim.grpc.client_link import ClientLink

ECHO = Method("/test.Echo/Echo", BytesValue, BytesValue)
HELLO = BytesValue(value=b"hello")
WIRE_HELLO = b"\0\0\0\0\x07\x0a\x05hello"


async def _echo(peer: Peer) -> None:
    """Answer every request with hello."""
    while True:
        data = await peer.until(http2.DataReceived)
        if data.ended:
            await peer.answer(data.stream, WIRE_HELLO)


async def _request(peer: Peer) -> http2.Stream:
    await peer.flush()
    return (await peer.until(http2.RequestReceived)).stream


async def _goaway_before_it(peer: Peer) -> None:
    await _request(peer)
    peer.writer.write(frames.goaway(0, 0))
    await peer.until_closed()


async def _refuse(peer: Peer) -> None:
    stream = await _request(peer)
    peer.core.reset(stream, http2.ErrorCode.REFUSED_STREAM)
    await _echo(peer)


@pytest.mark.parametrize(("script", "dials"), [(_goaway_before_it, 2), (_refuse, 1)])
async def test_a_call_nobody_began_is_sent_again(
    socket_path: str, script: Callable[[Peer], Awaitable[None]], dials: int
) -> None:
    async with PeerServer(socket_path, script, _echo) as server:
        channel = Channel.unix(socket_path)
        assert await channel.unary(ECHO, HELLO, timeout=10) == HELLO
        assert channel.connections == server.accepted == dials
        await channel.close()


async def _refuse_all(peer: Peer) -> None:
    while True:
        peer.core.reset(await _request(peer), http2.ErrorCode.REFUSED_STREAM)


async def test_refusals_without_end_are_given_up(socket_path: str) -> None:
    async with PeerServer(socket_path, _refuse_all):
        channel = Channel.unix(socket_path)
        with pytest.raises(RpcError) as caught:
            await channel.unary(ECHO, HELLO, timeout=10)
        assert caught.value.code is Status.UNAVAILABLE
        await channel.close()


async def _drop(peer: Peer) -> None:
    await _request(peer)


async def _reset(peer: Peer) -> None:
    peer.core.reset(await _request(peer), http2.ErrorCode.INTERNAL_ERROR)
    await peer.flush()
    await peer.until_closed()


async def _break(peer: Peer) -> None:
    await _request(peer)
    peer.writer.write(frames.frame(5, 4, 1, bytes(4)))
    await peer.until_closed()


async def _html(peer: Peer) -> None:
    stream = await _request(peer)
    head = [(":status", "503"), ("content-type", "text/html")]
    peer.core.send_headers(stream, http2.encode(head))
    peer.core.send_data(stream, b"<h1>no</h1>", end=True)
    await peer.flush()
    await peer.until_closed()


async def _no_trailers(peer: Peer) -> None:
    stream = await _request(peer)
    head = [(":status", "200"), ("content-type", "application/grpc")]
    peer.core.send_headers(stream, http2.encode(head))
    peer.core.send_data(stream, WIRE_HELLO, end=True)
    await peer.flush()
    await peer.until_closed()


async def _no_message(peer: Peer) -> None:
    await peer.answer(await _request(peer), b"")
    await peer.until_closed()


async def _two_messages(peer: Peer) -> None:
    await peer.answer(await _request(peer), WIRE_HELLO * 2)
    await peer.until_closed()


async def _half_a_message(peer: Peer) -> None:
    await peer.answer(await _request(peer), WIRE_HELLO[:-1])
    await peer.until_closed()


async def _compressed(peer: Peer) -> None:
    await peer.answer(await _request(peer), b"\x01" + WIRE_HELLO[1:])
    await peer.until_closed()


@pytest.mark.parametrize(
    ("script", "code", "words"),
    [
        (_drop, Status.UNAVAILABLE, "connection lost"),
        (_reset, Status.INTERNAL, "INTERNAL_ERROR"),
        (_break, Status.UNAVAILABLE, "broke HTTP/2: PUSH_PROMISE"),
        (_html, Status.UNAVAILABLE, "HTTP status 503, content-type 'text/html'"),
        (_no_trailers, Status.INTERNAL, "without a grpc-status"),
        (_no_message, Status.INTERNAL, "OK without a message"),
        (_two_messages, Status.INTERNAL, "more than one message"),
        (_half_a_message, Status.INTERNAL, "inside a message"),
        (_compressed, Status.UNIMPLEMENTED, "Decompressor"),
    ],
)
async def test_a_call_that_was_begun_fails_once(
    socket_path: str, script: Callable[[Peer], Awaitable[None]], code: Status, words: str
) -> None:
    async with PeerServer(socket_path, script) as server:
        channel = Channel.unix(socket_path)
        with pytest.raises(RpcError, match=words) as caught:
            await channel.unary(ECHO, HELLO, timeout=10)
        assert caught.value.code is code
        assert server.accepted == 1, "never sent twice"
        await channel.close()


async def test_a_lost_connection_is_dialled_again(socket_path: str) -> None:
    async def once(peer: Peer) -> None:
        await peer.answer(await _request(peer), WIRE_HELLO)

    async with PeerServer(socket_path, once, _echo):
        channel = Channel.unix(socket_path)
        assert await channel.unary(ECHO, HELLO, timeout=10) == HELLO
        await asyncio.sleep(0.05)  # the loss arrives
        assert await channel.unary(ECHO, HELLO, timeout=10) == HELLO
        assert channel.connections == 2
        await channel.close()


async def test_concurrent_calls_share_one_dial(socket_path: str) -> None:
    async with PeerServer(socket_path, _echo) as server:
        channel = Channel.unix(socket_path)
        calls = (channel.unary(ECHO, HELLO, timeout=10) for _ in range(20))
        assert await asyncio.gather(*calls) == [HELLO] * 20
        assert channel.connections == server.accepted == 1
        await channel.close()


async def test_a_lone_ping_is_answered(socket_path: str) -> None:
    acknowledged: list[bytes] = []

    async def pinging(peer: Peer) -> None:
        for payload in (b"at first", b"at last."):
            peer.core.ping(payload)
            await peer.flush()
            acknowledged.append((await peer.until(http2.PingAcknowledged)).payload)
        await _echo(peer)

    async with PeerServer(socket_path, pinging):
        channel = Channel.unix(socket_path)
        assert await channel.unary(ECHO, HELLO, timeout=20) == HELLO
        assert acknowledged == [b"at first", b"at last."]
        await channel.close()


async def test_calls_beyond_the_servers_limit_wait_in_order(socket_path: str) -> None:
    async def narrow(peer: Peer) -> None:
        two_streams = struct.pack(">HL", 3, 2)
        peer.writer.write(frames.frame(frames.FrameType.SETTINGS, 0, 0, two_streams))
        while True:
            data = await peer.until(http2.DataReceived)
            assert len(peer.core.live) <= 2
            await asyncio.sleep(0.01)
            await peer.answer(data.stream, bytes([0, 0, 0, 0, len(data.data) - 5]) + data.data[5:])

    async with PeerServer(socket_path, narrow):
        channel = Channel.unix(socket_path)
        await channel.unary(ECHO, HELLO, timeout=10)
        ended: list[int] = []

        async def one(number: int) -> None:
            await channel.unary(ECHO, BytesValue(value=b"%d" % number), timeout=10)
            ended.append(number)

        await asyncio.gather(*(one(number) for number in range(8)))
        assert ended == sorted(ended)
        await channel.close()


async def _silent(peer: Peer) -> None:
    await peer.until_closed()


async def test_a_deadline_ends_a_call_without_an_answer(socket_path: str) -> None:
    async with PeerServer(socket_path, _silent):
        channel = Channel.unix(socket_path)
        with pytest.raises(RpcError) as caught:
            await channel.unary(ECHO, HELLO, timeout=0.1)
        assert caught.value.code is Status.DEADLINE_EXCEEDED
        with pytest.raises(RpcError) as caught:
            await channel.unary(ECHO, HELLO, timeout=0)
        assert caught.value.code is Status.DEADLINE_EXCEEDED
        await channel.close()


async def test_each_call_keeps_to_its_own_deadline(socket_path: str) -> None:
    ended: list[float] = []

    async def call(timeout: float) -> None:
        with pytest.raises(RpcError) as caught:
            await channel.unary(ECHO, HELLO, timeout=timeout)
        assert caught.value.code is Status.DEADLINE_EXCEEDED
        ended.append(timeout)

    async with PeerServer(socket_path, _silent):
        channel = Channel.unix(socket_path)
        loop = asyncio.get_running_loop()
        begun = loop.time()
        endless = asyncio.create_task(channel.unary(ECHO, HELLO))
        await asyncio.gather(*(call(timeout) for timeout in (0.4, 0.2)))
        await asyncio.gather(*(call(timeout) for timeout in (0.3, 0.1, 0.2)))
        assert ended == [0.2, 0.4, 0.1, 0.2, 0.3]
        assert loop.time() - begun >= 0.4 + 0.3, "none ends early"
        assert not endless.done()
        endless.cancel()
        await channel.close()


async def test_a_call_may_outlive_its_caller(socket_path: str) -> None:
    asked, release = asyncio.Event(), asyncio.Event()

    async def patient(peer: Peer) -> None:
        while True:
            stream = await _request(peer)
            asked.set()
            await release.wait()
            await peer.answer(stream, WIRE_HELLO)

    async with PeerServer(socket_path, patient):
        channel = Channel.unix(socket_path)

        async def given_up() -> asyncio.Task[BytesValue]:
            asked.clear()
            call = asyncio.create_task(channel.unary(ECHO, HELLO, timeout=20, outlives=True))
            await asked.wait()
            for _ in range(2):
                call.cancel()
                await asyncio.sleep(0.01)
            return call

        call = await given_up()
        assert not call.done()
        release.set()
        assert await call == HELLO
        assert call.cancelling() == 2

        release.clear()
        call = await given_up()
        (stream,) = _link(channel).core.live.values()
        call.cancel()
        stream.owner.on_lost("just now")  # before the task has heard of the third
        with pytest.raises(RpcError, match="just now"):
            await asyncio.wait_for(call, 10)
        await channel.close()


async def test_a_call_given_up_is_not_sent_again(socket_path: str) -> None:
    asked, release = asyncio.Event(), asyncio.Event()

    async def refusing(peer: Peer) -> None:
        stream = await _request(peer)
        asked.set()
        await release.wait()
        peer.core.reset(stream, http2.ErrorCode.REFUSED_STREAM)
        await _echo(peer)

    async with PeerServer(socket_path, refusing):
        channel = Channel.unix(socket_path)
        call = asyncio.create_task(channel.unary(ECHO, HELLO, timeout=20, outlives=True))
        await asked.wait()
        call.cancel()
        release.set()
        with pytest.raises(RpcError, match="the server refused"):
            await call
        await channel.close()


def _link(channel: Channel) -> ClientLink:
    assert channel._link is not None
    return channel._link


async def test_what_was_not_sent_does_not_outlive_its_caller(socket_path: str) -> None:
    channel = Channel.unix(socket_path, patience=Patience(greeting=60, whole=60))
    with socket.socket(socket.AF_UNIX) as mute:
        mute.bind(socket_path)
        mute.listen()
        call = asyncio.create_task(channel.unary(ECHO, HELLO, timeout=60, outlives=True))
        await asyncio.sleep(0.1)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(call, 10)
        await channel.close()


async def test_keepalive_finds_a_dead_server(socket_path: str) -> None:
    async def dead(peer: Peer) -> None:
        await _request(peer)
        await asyncio.sleep(20)

    async with PeerServer(socket_path, dead):
        channel = Channel.unix(socket_path, keepalive=Keepalive(waiting=0.1))
        async with asyncio.timeout(10):
            with pytest.raises(RpcError, match="no sign of life") as caught:
                await channel.unary(ECHO, HELLO)
        assert caught.value.code is Status.UNAVAILABLE
        await channel.close()


async def test_keepalive_leaves_a_slow_server_alone(socket_path: str) -> None:
    async def slow(peer: Peer) -> None:
        stream = await _request(peer)
        reading = asyncio.create_task(peer.until_closed())
        await asyncio.sleep(0.5)
        await peer.answer(stream, WIRE_HELLO)
        await reading

    async with PeerServer(socket_path, slow):
        channel = Channel.unix(socket_path, keepalive=Keepalive(waiting=0.1))
        assert await channel.unary(ECHO, HELLO, timeout=10) == HELLO
        await channel.close()


async def test_closing_ends_the_calls_at_hand(socket_path: str) -> None:
    async with PeerServer(socket_path, _silent):
        channel = Channel.unix(socket_path)
        call = asyncio.create_task(channel.unary(ECHO, HELLO))
        while not channel.connections:  # noqa: ASYNC110 - the dial tells in its own time
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.01)
        await channel.close()
        with pytest.raises(RpcError) as caught:
            await call
        assert caught.value.code is Status.UNAVAILABLE
        with pytest.raises(RpcError, match="the channel is closed"):
            await channel.unary(ECHO, HELLO)


async def test_a_message_beyond_the_limit_ends_the_call(socket_path: str) -> None:
    async with PeerServer(socket_path, _echo):
        channel = Channel.unix(socket_path, limits=Limits(max_message=6))
        with pytest.raises(RpcError, match=r"larger than max \(7 vs. 6\)") as caught:
            await channel.unary(ECHO, HELLO, timeout=10)
        assert caught.value.code is Status.RESOURCE_EXHAUSTED
        await channel.close()


@pytest.mark.parametrize(("own", "limit"), [(7, 6), (6, 7)])
async def test_a_method_may_have_a_limit_of_its_own(socket_path: str, own: int, limit: int) -> None:
    method = dataclasses.replace(ECHO, max_reply=own)
    async with PeerServer(socket_path, _echo):
        channel = Channel.unix(socket_path, limits=Limits(max_message=limit))
        if own < 7:
            with pytest.raises(RpcError, match=r"larger than max \(7 vs. 6\)"):
                await channel.unary(method, HELLO, timeout=10)
        else:
            assert await channel.unary(method, HELLO, timeout=10) == HELLO
        await channel.close()


async def test_what_cannot_be_dialled_says_why(socket_path: str) -> None:
    async def fails(channel: Channel, words: str) -> None:
        with pytest.raises(RpcError, match=words) as caught:
            await channel.unary(ECHO, HELLO, timeout=10)
        assert caught.value.code is Status.UNAVAILABLE
        await channel.close()

    await fails(Channel.unix(socket_path), f"^UNAVAILABLE: {socket_path}: no such file")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        silent = Channel.tcp("127.0.0.1", port, patience=Patience(greeting=0.2))
        await fails(silent, f"127.0.0.1:{port}: no HTTP/2 from the server within 0.2 s")
    await fails(Channel.tcp("127.0.0.1", port), f"127.0.0.1:{port}: connection refused")

    async def web(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    other = await asyncio.start_unix_server(web, socket_path)
    await fails(Channel.unix(socket_path), "this is no HTTP/2 server")
    other.close()


async def test_bad_metadata_is_refused_before_anything_is_sent(socket_path: str) -> None:
    async with PeerServer(socket_path, _echo) as server:
        channel = Channel.unix(socket_path)
        with pytest.raises(RpcError, match="non-printable"):
            await channel.unary(ECHO, HELLO, metadata=[("authn-token", "s3cret\n")])
        assert server.accepted == 0
        await channel.close()
