"""grpc-go, which is what the host is made of, as a client of our server that gives up."""

from __future__ import annotations

import asyncio
import random
import subprocess
from pathlib import Path

import pytest
from google.protobuf.wrappers_pb2 import StringValue

from scripts import go
from shim.grpc import Call, Method, Server

GIVE = Method("/test.Echo/Give", StringValue, StringValue)
CALLS = 3_000
HERE = Path(__file__).parent

pytestmark = [
    pytest.mark.skipif(not go.PRESENT, reason="Go is not on PATH"),
    pytest.mark.timeout(900),  # the first build fetches and compiles grpc-go
]


@pytest.fixture(scope="module")
def quitter() -> Path:
    return go.build(HERE / "quitter", go.TOOLS / "quitter")


async def test_of_all_that_is_given_what_nobody_took_is_told(
    quitter: Path, socket_path: str
) -> None:
    given: set[int] = set()
    untaken: set[int] = set()
    cancelled = 0

    async def give(request: StringValue, call: Call) -> StringValue:
        nonlocal cancelled
        try:
            await asyncio.sleep(random.random() * 0.004)
        except asyncio.CancelledError:
            cancelled += 1
            raise
        number = len(given)
        given.add(number)
        call.on_untaken = lambda: untaken.add(number)
        return request

    server = Server()
    server.unary(GIVE, give)
    await server.listen_unix(socket_path)
    process = await asyncio.create_subprocess_exec(
        quitter, socket_path, str(CALLS), stdout=subprocess.PIPE
    )
    output, _ = await asyncio.wait_for(process.communicate(), 120)
    server.close()
    assert process.returncode == 0
    answered = int(output) + 1  # and the last
    assert len(given) - len(untaken) == answered
    assert untaken, "nobody gave up when the answer was on its way: this proved nothing"
    assert cancelled
    assert answered > CALLS // 10
