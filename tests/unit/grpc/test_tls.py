"""Both ends over TLS with the host's kind of certificates: mutual, and said in words if not."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from typing import TYPE_CHECKING

import pytest
from google.protobuf.wrappers_pb2 import BytesValue

from shim.grpc import Call, Channel, Method, RpcError, Server, Status
from tests.unit.grpc.certificates import client_context, identity, server_context

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

ECHO = Method("/test.Echo/Echo", BytesValue, BytesValue)


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return identity(tmp_path_factory.mktemp("own"), "plugin")


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return identity(tmp_path_factory.mktemp("host"), "host")


@pytest.fixture
async def path(socket_path: str, own: Path, host: Path) -> AsyncIterator[str]:
    async def echo(request: BytesValue, call: Call) -> BytesValue:
        return request

    server = Server()
    server.unary(ECHO, echo)
    await server.listen_unix(socket_path, server_context(own, host))
    yield socket_path
    server.close()
    await asyncio.sleep(0.05)  # TLS says goodbye


async def _refused(channel: Channel, words: str) -> None:
    with pytest.raises(RpcError, match=words) as caught:
        await channel.unary(ECHO, BytesValue(), timeout=10)
    assert caught.value.code is Status.UNAVAILABLE
    assert channel.connections == 0
    await channel.close()


async def test_mutual_tls_carries_twenty_megabytes(path: str, own: Path, host: Path) -> None:
    channel = Channel.unix(path, tls=client_context(host, own))
    message = BytesValue(value=bytes(20_000_000))
    assert await channel.unary(ECHO, message, timeout=60) == message
    await channel.close()


_REFUSED = pytest.mark.parametrize(
    ("known", "words"), [(False, "TLS: .*certificate required"), (True, "TLS: .*unknown ca")]
)


@_REFUSED
async def test_our_server_takes_no_client_but_the_host_and_says_so(
    path: str, own: Path, tmp_path: Path, known: bool, words: str
) -> None:
    stranger = identity(tmp_path, "stranger") if known else None
    await _refused(Channel.unix(path, tls=client_context(stranger, own)), words)


@_REFUSED
async def test_a_server_that_says_what_is_wrong_with_our_certificate(
    socket_path: str, own: Path, host: Path, tmp_path: Path, known: bool, words: str
) -> None:
    stranger = identity(tmp_path, "stranger") if known else None
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(socket_path)
        listener.listen()

        def refuse() -> None:
            connection, _ = listener.accept()
            with contextlib.suppress(ssl.SSLError), connection:
                context = server_context(own, host)
                context.set_alpn_protocols(["h2"])
                context.wrap_socket(connection, server_side=True)

        server = asyncio.create_task(asyncio.to_thread(refuse))
        await _refused(Channel.unix(socket_path, tls=client_context(stranger, own)), words)
        await server


async def test_a_server_nobody_vouches_for(path: str, host: Path) -> None:
    channel = Channel.unix(path, tls=client_context(host, host))
    await _refused(channel, "TLS: the certificate was not accepted: self.signed")


async def test_a_server_of_another_name(path: str, own: Path, host: Path) -> None:
    tls = client_context(host, own)
    channel = Channel.unix(path, tls=tls, server_hostname="pachd.example")
    await _refused(channel, "TLS: the certificate was not accepted: .*pachd.example")


async def test_plain_text_to_a_tls_server(path: str) -> None:
    await _refused(Channel.unix(path), path)


async def test_a_server_without_h2(socket_path: str, own: Path, host: Path) -> None:
    async def hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    listener = await asyncio.start_unix_server(hold, socket_path, ssl=server_context(own, host))
    await _refused(Channel.unix(socket_path, tls=client_context(host, own)), "h2 by ALPN")
    listener.close()
    await asyncio.sleep(0.05)


async def test_a_client_without_h2_is_not_served(path: str, own: Path, host: Path) -> None:
    reader, writer = await asyncio.open_unix_connection(
        path, ssl=client_context(host, own), server_hostname="localhost"
    )
    try:
        async with asyncio.timeout(10):
            assert await reader.read() == b""
    except (ConnectionError, ssl.SSLError):
        pass  # cut is cut
    writer.close()
