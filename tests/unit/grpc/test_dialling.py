"""Callers that meet a dial at its end, and servers that hang up as soon as they are reached."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from shim.grpc import Channel, Method, RpcError, Server, Status
from shim.proto import health_pb2 as health

CHECK = Method(
    "/grpc.health.v1.Health/Check", health.HealthCheckRequest, health.HealthCheckResponse
)
SETTINGS = bytes.fromhex("000000040000000000")
GOAWAY = bytes.fromhex("0000080700000000000000000000000000")


@contextlib.asynccontextmanager
async def leaving(path: str, words: bytes) -> AsyncIterator[list[float]]:
    """A server that says `words` and hangs up; gives the times at which it was dialled."""
    dials: list[float] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        dials.append(time.monotonic())
        writer.write(words)
        writer.close()

    async with await asyncio.start_unix_server(serve, path):
        yield dials


@pytest.mark.timeout(10)  # a loop that never lets go eats memory, too
async def test_a_caller_in_the_very_turn_in_which_the_dial_ends(tmp_path: Path) -> None:
    server = Server()
    await server.listen_unix(str(tmp_path / "socket"))
    channel = Channel.unix(str(tmp_path / "socket"))
    begun = [asyncio.create_task(channel.connect())]

    async def poll() -> None:
        """One caller more in each turn of the loop, whichever comes first in it."""
        while not begun[0].done():
            begun.append(asyncio.create_task(channel.connect(5)))
            await asyncio.sleep(0)

    await asyncio.gather(*(poll() for _ in range(3)))
    await asyncio.gather(*begun)
    assert channel.connections == 1
    await channel.close()
    server.close()


@pytest.mark.parametrize("words", [SETTINGS, SETTINGS + GOAWAY])
async def test_a_server_that_hangs_up_is_not_dialled_without_end(
    tmp_path: Path, words: bytes
) -> None:
    path = str(tmp_path / "socket")
    async with leaving(path, words) as dials:
        channel = Channel.unix(path)
        with pytest.raises(RpcError, match="connection") as failure:
            await channel.unary(CHECK, health.HealthCheckRequest(), timeout=5)
        assert failure.value.code is Status.UNAVAILABLE
        assert 1 <= len(dials) <= 5
        await channel.close()


@pytest.mark.parametrize("host", ["a..b", "x" * 64, "a\0b"])
async def test_a_name_that_cannot_be_looked_up_is_told(host: str) -> None:
    channel = Channel.tcp(host, 1)
    with pytest.raises(RpcError, match="no valid host name") as failure:
        await channel.connect(5)
    assert failure.value.code is Status.UNAVAILABLE
    await channel.close()
