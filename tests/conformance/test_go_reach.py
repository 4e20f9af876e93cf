"""Our way to pachd, held against that of Go's gRPC client: whom it reaches, by which names."""

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from scripts import go
from shim.grpc import Call, Method, Server
from shim.proto import health_pb2 as health
from tests.conformance.reach import ROWS as ALL
from tests.conformance.reach import Row
from tests.loopback import IPV6
from vault_plugin.pachyderm.client import Client, Endpoint
from vault_plugin.pachyderm.errors import PachdError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

SOURCE = Path(__file__).parent / "go_client"
ROWS = {name: row for name, row in ALL.items() if IPV6 or "::1" not in row.address}
CHECK = Method(
    "/grpc.health.v1.Health/Check", health.HealthCheckRequest, health.HealthCheckResponse
)


class Told:
    """A server on the loopback, of both families, and the :authority it was called by."""

    def __init__(self) -> None:
        self.port = 0
        self.authority: str | None = None

    async def check(
        self, request: health.HealthCheckRequest, call: Call
    ) -> health.HealthCheckResponse:
        (self.authority,) = call.values(":authority")
        return health.HealthCheckResponse(status=health.HealthCheckResponse.SERVING)

    def filled(self, words: str | None) -> str | None:
        return words and words.replace("{port}", str(self.port))


@contextlib.asynccontextmanager
async def serving(row: Row, folder: Path) -> AsyncIterator[Told]:
    told = Told()
    server = Server()
    server.unary(CHECK, told.check)
    tls = row.shows[0].context(folder, *row.shows[1:]) if row.shows else None
    told.port = await server.listen_tcp("127.0.0.1", 0, tls)
    if IPV6:
        await server.listen_tcp("::1", told.port, tls)
    try:
        yield told
    finally:
        server.close()


@pytest.mark.parametrize("name", ROWS)
async def test_ours(name: str, tmp_path: Path) -> None:
    row = ROWS[name]
    async with serving(row, tmp_path) as told:
        scheme = "grpcs" if row.shows else "grpc"
        address = f"{scheme}://{told.filled(row.address)}"
        with contextlib.suppress(PachdError, ValueError):
            client = Client(
                Endpoint(address, row.bundle, row.name),
                request_timeout=20,
                max_in_flight=1,
                on_wrong_generation=lambda: None,
            )
            try:
                await client.call(CHECK, health.HealthCheckRequest())
            finally:
                await client.close()
        assert told.authority == told.filled(row.ours if row.why else row.authority)


@pytest.fixture(scope="module")
def go_client(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if not go.PRESENT:
        pytest.skip("Go is not on PATH")
    return go.build(SOURCE, tmp_path_factory.mktemp("go") / "client")


@pytest.mark.timeout(900)  # the first build fetches and compiles grpc-go
async def test_of_go(go_client: Path, tmp_path: Path) -> None:
    async with contextlib.AsyncExitStack() as stack:
        servers = [await stack.enter_async_context(serving(row, tmp_path)) for row in ROWS.values()]
        client = await asyncio.create_subprocess_exec(
            go_client, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        asked = "".join(
            json.dumps(
                {
                    "address": told.filled(row.address),
                    "tls": bool(row.shows),
                    "bundle": row.bundle,
                    "name": row.name,
                }
            )
            + "\n"
            for told, row in zip(servers, ROWS.values(), strict=True)
        )
        answer, _ = await asyncio.wait_for(client.communicate(asked.encode()), 120)
        words = dict(zip(ROWS, answer.decode().splitlines(), strict=True))
        wrong = {
            name: (told.authority, words[name])
            for told, (name, row) in zip(servers, ROWS.items(), strict=True)
            if told.authority != told.filled(row.authority)
        }
        assert wrong == {}
