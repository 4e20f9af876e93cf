"""Our server over TLS, against clients that break off, say nothing, or take nothing."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import socket
import ssl
from typing import TYPE_CHECKING, Any

import pytest
from google.protobuf.wrappers_pb2 import BytesValue

from shim import http2
from shim.grpc import Call, Channel, Limits, Method, RpcError, Server
from shim.grpc.messages import encode_message
from tests.unit.grpc.by_hand import ByHand
from tests.unit.grpc.certificates import client_context, identity, server_context
from tests.unit.grpc.peer import GRPC_REQUEST

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

ECHO = Method("/test.Echo/Echo", BytesValue, BytesValue)


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return identity(tmp_path_factory.mktemp("stranger"), "stranger")


class Serving:
    """A server that echoes, and the numbers of connections it told."""

    def __init__(self, path: str, pem: Path, limits: Limits) -> None:
        self.path = path
        self.counts: list[int] = []
        self._pem = pem
        self._server = Server(limits=limits, on_connections=self.counts.append)

    async def __aenter__(self) -> Serving:
        async def echo(request: BytesValue, call: Call) -> BytesValue:
            return request

        self._server.unary(ECHO, echo)
        await self._server.listen_unix(self.path, server_context(self._pem, self._pem))
        return self

    async def __aexit__(self, *exc: object) -> None:
        self._server.close()

    def close(self) -> None:
        self._server.close()


async def until(done: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not done():  # noqa: ASYNC110 - the kernel wakes nobody for a descriptor
            await asyncio.sleep(0.01)


def waiting(sock: socket.socket) -> int:
    """How much there is to be read, which stays there."""
    with contextlib.suppress(BlockingIOError):
        return len(sock.recv(1 << 20, socket.MSG_PEEK))
    return 0


def descriptors() -> int:
    """How many are open, those of earlier tests' rubbish not among them."""
    gc.collect()
    return len(os.listdir("/proc/self/fd"))


def timers() -> int:
    """Timers of the loop that are still to fire."""
    loop: Any = asyncio.get_running_loop()
    return sum(not timer.cancelled() for timer in loop._scheduled)


def request(client: ByHand, core: http2.Connection, body: bytes) -> None:
    """Put a whole request, and what else the core has to say, into TLS."""
    stream = core.open()
    core.send_headers(stream, http2.encode(GRPC_REQUEST))
    for part in encode_message(BytesValue(value=body)):
        core.send_data(stream, part)
    core.send_data(stream, b"", end=True)
    client.tls.write(core.take(1 << 30))


async def begin(serving: Serving, pem: Path) -> tuple[ByHand, http2.Connection]:
    """A client whose handshake is done but for its last words."""
    client = await ByHand.dial(serving.path, client_context(pem, pem))
    await client.agree()
    return client, http2.Connection(http2.Role.CLIENT, http2.Limits(), 0.0)


async def test_a_request_in_the_same_write_as_the_end_of_the_handshake(
    socket_path: str, pem: Path
) -> None:
    async with Serving(socket_path, pem, Limits()) as serving:
        client, core = await begin(serving, pem)
        assert serving.counts == []  # the handshake is not done
        request(client, core, b"early")
        await client.send()
        events: list[http2.Event] = []
        while not any(isinstance(event, http2.TrailersReceived) for event in events):
            events += core.receive(await client.read(), 0.0)
        [data] = [bytes(event.data) for event in events if isinstance(event, http2.DataReceived)]
        assert data.endswith(b"early")
        assert serving.counts == [1]
        client.sock.close()
        await until(lambda: serving.counts == [1, 0])


async def test_a_server_that_closes_says_so_and_waits_for_nobody(
    socket_path: str, pem: Path
) -> None:
    async with Serving(socket_path, pem, Limits()) as serving:
        client, core = await begin(serving, pem)
        client.tls.write(core.take(1 << 30))
        await client.send()
        await until(lambda: serving.counts == [1])
        serving.close()
        await until(lambda: serving.counts == [1, 0])  # the client has not said a word
        while data := await client.read():  # b"" is the close_notify, an end without one raises
            core.receive(data, 0.0)
        assert core.exhausted  # by GOAWAY
        client.sock.close()


_HELLO = bytes.fromhex("16030100c8010000c40303") + bytes(100)  # the half of one


async def silence(client: ByHand) -> None:
    """Connect and leave."""


async def half_a_hello(client: ByHand) -> None:
    await asyncio.get_running_loop().sock_sendall(client.sock, _HELLO)


async def a_hello(client: ByHand) -> None:
    with contextlib.suppress(ssl.SSLWantReadError):
        client.tls.do_handshake()
    await client.send()


async def garbage(client: ByHand) -> None:
    """Not TLS; the answer is an alert, and the end."""
    await asyncio.get_running_loop().sock_sendall(client.sock, b"\x16\x03\x01\0\5hello")
    assert await client.receive()
    assert client.incoming.read(1) == b"\x15"
    assert not await client.receive()


async def all_but_the_end(client: ByHand) -> None:
    await client.agree()


async def a_strangers_certificate(client: ByHand) -> None:
    await client.agree()
    await client.send()
    with pytest.raises(ssl.SSLError, match="unknown ca"):
        await client.read()


async def test_handshakes_that_break_off_leave_nothing(
    socket_path: str,
    pem: Path,
    stranger: Path,
    complaints: list[dict[str, Any]],
    caplog: pytest.LogCaptureFixture,
) -> None:
    steps = (silence, half_a_hello, a_hello, garbage, all_but_the_end, a_strangers_certificate)
    async with Serving(socket_path, pem, Limits()) as serving:
        open_before, before = descriptors(), timers()
        for number in range(180):
            step = steps[number % len(steps)]
            own = stranger if step is a_strangers_certificate else pem
            client = await ByHand.dial(socket_path, client_context(own, pem))
            await step(client)
            client.sock.close()
        await until(lambda: descriptors() <= open_before)
        await until(lambda: len(asyncio.all_tasks()) == 1)
        assert timers() == before
        assert serving.counts == []
    assert caplog.records == []


async def test_a_client_that_does_not_finish_its_handshake_is_cut(
    socket_path: str, pem: Path
) -> None:
    async with Serving(socket_path, pem, Limits(greeting_timeout=0.1)) as serving:
        client = await ByHand.dial(socket_path, client_context(pem, pem))
        await half_a_hello(client)
        assert not await client.receive()
        assert serving.counts == []
        client.sock.close()


async def test_a_client_that_hangs_up_and_takes_nothing_is_cut(socket_path: str, pem: Path) -> None:
    """What waits is more than a socket holds, and less than makes the server pause."""
    async with Serving(socket_path, pem, Limits(stall_timeout=0.3)) as serving:
        client, core = await begin(serving, pem)
        size = client.sock.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) + 100_000
        client.tls.write(core.take(1 << 30))
        await client.send()
        while not core.greeted or core.unfinished:
            core.receive(await client.read(), 0.0)  # how much it takes at once
        request(client, core, bytes(size))
        await client.send()
        await until(lambda: waiting(client.sock) > 100_000)  # the answer
        client.sock.shutdown(socket.SHUT_WR)
        await until(lambda: serving.counts == [1, 0])
        client.sock.close()


async def test_a_dial_given_up_in_any_turn_of_the_loop_leaves_nothing(
    socket_path: str, pem: Path, complaints: list[dict[str, Any]]
) -> None:
    async with Serving(socket_path, pem, Limits()) as serving:
        open_before = descriptors()
        for tls in (client_context(pem, pem), None):
            for turns in range(30):
                channel = Channel.unix(socket_path, tls=tls)
                dialling = asyncio.create_task(channel.connect())
                for _ in range(turns):
                    await asyncio.sleep(0)
                await channel.close()
                with contextlib.suppress(asyncio.CancelledError, RpcError):
                    await dialling
        await until(lambda: descriptors() <= open_before)
        await until(lambda: serving.counts[-1:] in ([], [0]))
        await until(lambda: len(asyncio.all_tasks()) == 1)
