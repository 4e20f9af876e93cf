"""Our PINGs at a grpc-go server that counts them as pachd does, in a tenth of the time."""

from __future__ import annotations

import asyncio
import contextlib
import random
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from scripts import go
from shim.grpc import Channel, Keepalive, Method, RpcError
from shim.grpc import keepalive as keeping
from shim.proto import health_pb2 as health

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

SOURCE = Path(__file__).parent / "go_client"
# Often, and with much time for each answer: the machine may be slow.
OFTEN = Keepalive(waiting=9.0, idle=2.0, fresh=0.1, proof=9.0)
WAITING = Keepalive(waiting=0.15)
SECONDS = 6.0


def method(name: str) -> Method[health.HealthCheckRequest, health.HealthCheckResponse]:
    return Method(
        f"/grpc.health.v1.Health/{name}", health.HealthCheckRequest, health.HealthCheckResponse
    )


@pytest.fixture
async def port(tmp_path: Path) -> AsyncIterator[int]:
    if not go.PRESENT:
        pytest.skip("Go is not on PATH")
    program = go.build(SOURCE, tmp_path / "strict", "./strict")
    pipe = asyncio.subprocess.PIPE
    server = await asyncio.create_subprocess_exec(program, "500ms", stdin=pipe, stdout=pipe)
    assert server.stdin is not None
    assert server.stdout is not None
    yield int(await server.stdout.readline())
    server.stdin.close()
    await server.wait()


async def served(port: int, name: str, pauses: list[float]) -> Channel:
    """The channel that it took to call method `name` again and again, with such pauses."""
    channel = Channel.tcp("127.0.0.1", port, keepalive=OFTEN)
    chance = random.Random(name)
    clock = asyncio.get_running_loop().time
    end = clock() + SECONDS
    while clock() < end:
        with contextlib.suppress(RpcError):
            if name:
                await channel.unary(method(name), health.HealthCheckRequest(), timeout=5)
            else:
                await channel.connect(5)
        await asyncio.sleep(chance.choice(pauses))
    await channel.close()
    return channel


async def hung(port: int) -> Channel:
    """As `served`, of a call that has no answer, though the server lives."""
    channel = Channel.tcp("127.0.0.1", port, keepalive=WAITING)
    with contextlib.suppress(RpcError):
        async with channel.stream(method("Watch"), timeout=SECONDS) as call:
            await call.send(health.HealthCheckRequest())
            while await call.receive() is not None:
                pass
    await channel.close()
    return channel


@pytest.mark.timeout(900)  # the first build fetches and compiles grpc-go
async def test_no_habit_is_one_too_many(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping, "_APART", keeping._APART / 10)
    *calling, proving = await asyncio.gather(
        served(port, "Check", [0.12]),
        served(port, "Check", [0.001, 0.03, 0.11, 0.2, 0.4, 0.6]),
        served(port, "Nowhere", [0.12]),  # refused
        hung(port),
        served(port, "", [0.11]),  # proven, and nothing asked
    )
    assert {channel.connections for channel in calling} == {1}
    assert proving.connections > 1  # it leaves each before that is asked too often
    assert proving._keepalive is OFTEN  # so that none had too many
