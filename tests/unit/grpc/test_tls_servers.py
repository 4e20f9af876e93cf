"""Our channel over TLS, against servers that break off, say nothing, or speak no TLS."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from typing import TYPE_CHECKING, Any

import pytest
from google.protobuf.wrappers_pb2 import BytesValue

from shim import http2
from shim.grpc import Call, Channel, Method, Patience, RpcError, Server, Status
from tests.unit.grpc.by_hand import ByHand
from tests.unit.grpc.certificates import client_context, server_context

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

ECHO = Method("/test.Echo/Echo", BytesValue, BytesValue)


@contextlib.asynccontextmanager
async def raw_server(
    path: str, script: Callable[[socket.socket], Awaitable[None]]
) -> AsyncIterator[None]:
    """Accepts one connection and plays the script on it."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
        listener.setblocking(False)

        async def accept() -> None:
            sock, _ = await asyncio.get_running_loop().sock_accept(listener)
            with sock:
                await script(sock)

        playing = asyncio.create_task(accept())
        try:
            yield
        finally:
            playing.cancel()
            await asyncio.wait([playing])
            if not playing.cancelled():
                playing.result()


async def _fails(path: str, pem: Path, words: str, within: float = 10) -> None:
    channel = Channel.unix(path, tls=client_context(pem, pem), patience=Patience(greeting=within))
    with pytest.raises(RpcError, match=words) as caught:
        await channel.unary(ECHO, BytesValue(), timeout=20)
    assert caught.value.code is Status.UNAVAILABLE
    await channel.close()


async def test_a_server_that_does_not_answer_the_hello(
    socket_path: str, pem: Path, complaints: list[dict[str, Any]]
) -> None:
    async def hold(sock: socket.socket) -> None:
        await asyncio.Event().wait()

    async with raw_server(socket_path, hold):
        await _fails(socket_path, pem, "no TLS handshake within 0.2 s", within=0.2)


async def test_a_server_that_speaks_no_tls(
    socket_path: str, pem: Path, complaints: list[dict[str, Any]]
) -> None:
    async def greet(sock: socket.socket) -> None:
        await asyncio.get_running_loop().sock_sendall(sock, b"220 mail.example ESMTP\r\n")
        await asyncio.get_running_loop().sock_recv(sock, 1 << 16)

    async with raw_server(socket_path, greet):
        await _fails(socket_path, pem, "TLS: wrong version number")


async def test_a_server_that_hangs_up_during_the_handshake(
    socket_path: str, pem: Path, complaints: list[dict[str, Any]]
) -> None:
    async def leave(sock: socket.socket) -> None:
        await asyncio.get_running_loop().sock_recv(sock, 1 << 16)

    async with raw_server(socket_path, leave):
        await _fails(socket_path, pem, "the connection was closed while it was set up")


@pytest.mark.parametrize("polite", [True, False])
async def test_a_server_that_leaves_in_the_midst_of_a_call(
    socket_path: str, pem: Path, polite: bool
) -> None:
    async def serve(sock: socket.socket) -> None:
        server = ByHand(sock, server_context(pem, pem), serves=True)
        await server.agree()
        core = http2.Connection(http2.Role.SERVER, http2.Limits(), 0.0)
        events: list[http2.Event] = []
        while not any(isinstance(event, http2.RequestReceived) for event in events):
            server.tls.write(core.take(1 << 30) or b"")
            await server.send()
            events += core.receive(await server.read(), 0.0)
        if polite:
            with contextlib.suppress(ssl.SSLError):
                server.tls.unwrap()
            await server.send()

    async with raw_server(socket_path, serve):
        await _fails(socket_path, pem, "connection lost")


async def test_tls_over_tcp_verifies_the_host_and_sends_small_pieces_at_once(pem: Path) -> None:
    async def echo(request: BytesValue, call: Call) -> BytesValue:
        return request

    server = Server()
    server.unary(ECHO, echo)
    port = await server.listen_tcp("127.0.0.1", 0, server_context(pem, pem))
    tls = client_context(pem, pem)
    async with contextlib.AsyncExitStack() as stack:
        stack.callback(server.close)
        channel = Channel.tcp("127.0.0.1", port, tls=tls)
        with pytest.raises(RpcError, match="not accepted: IP address mismatch"):
            await channel.connect(10)
        await channel.close()
        channel = Channel.tcp("127.0.0.1", port, tls=tls, server_hostname="localhost")
        stack.push_async_callback(channel.close)
        message = BytesValue(value=b"x" * 100_000)
        assert await channel.unary(ECHO, message, timeout=20) == message
        assert channel._link is not None
        sock = channel._link.transport.get_extra_info("socket")
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
