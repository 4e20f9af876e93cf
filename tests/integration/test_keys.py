"""The engine of `examples/keys`: the same story on the host in memory and on a real one."""

import asyncio
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

import pytest

from examples.keys.keys import backend
from examples.keys.service import Service
from shim.testing import MemoryHost, NotRenewed, status_of
from tests.integration.conftest import ROOT
from tests.integration.openbao import VaultServer

if TYPE_CHECKING:
    from shim import Lease

KEYS = ROOT / "examples" / "keys" / "keys.py"
_WRAPPED = re.compile(r"1 error occurred:\n\t\* (.*)\n\n")  # what the host puts around words


class Mounted(Protocol):
    """One mount of the engine, wherever it is; an answer is its status and what a client sees."""

    async def ask(self, method: str, path: str, /, **data: Any) -> tuple[int, Any]: ...
    async def renew(self, increment: int) -> tuple[int, Any]: ...
    async def revoke(self) -> None: ...


class Real:
    """On a server, over HTTP."""

    def __init__(self, server: VaultServer) -> None:
        self._server = server
        self._lease = ""

    async def ask(self, method: str, path: str, /, **data: Any) -> tuple[int, Any]:
        status, answer = await asyncio.to_thread(
            self._server.http, method, f"/v1/keys/{path}", data or None
        )
        if not isinstance(answer, dict) or (status == 404 and not answer.get("errors")):
            return status, None
        if answer.get("lease_id"):
            self._lease = answer["lease_id"]
        return status, (
            {"errors": [_WRAPPED.sub(r"\1", error) for error in answer["errors"]]}
            if answer.get("errors")
            else {
                "data": answer.get("data"),
                "warnings": answer.get("warnings"),
                "ttl": answer.get("lease_duration"),
                "renewable": answer.get("renewable"),
            }
        )

    async def renew(self, increment: int) -> tuple[int, Any]:
        status, answer = await asyncio.to_thread(
            self._server.http,
            "PUT",
            "/v1/sys/leases/renew",
            {"lease_id": self._lease, "increment": increment},
        )
        return status, answer.get("lease_duration")

    async def revoke(self) -> None:
        asked = {"lease_id": self._lease, "sync": True}
        await asyncio.to_thread(self._server.http, "PUT", "/v1/sys/leases/revoke", asked)


class Memory:
    """On the host in memory, shown as HTTP."""

    OPERATIONS: Final = {"GET": "read", "LIST": "list", "DELETE": "delete"}

    def __init__(self, host: MemoryHost) -> None:
        self._host = host
        self._lease: Lease | None = None

    async def ask(self, method: str, path: str, /, **data: Any) -> tuple[int, Any]:
        host = self._host
        try:
            if method == "POST":
                answer = await host.write(path, **data)
            else:
                listed = method == "LIST" and not path.endswith("/")
                answer = await host.ask(
                    self.OPERATIONS[method], f"{path}/" if listed else path, **data
                )
        except Exception as error:
            return status_of(error), {"errors": [str(error)]}
        if answer.lease is not None:
            self._lease = answer.lease
        if answer.data is None and answer.lease is None and not answer.warnings:
            return (404, None) if method in ("GET", "LIST") else (204, None)
        if method == "LIST" and not (answer.data or {}).get("keys"):
            return 404, None
        return 200, {
            "data": answer.data,
            "warnings": answer.warnings or None,
            "ttl": round(host.held(answer.lease).ttl) if answer.lease else 0,
            "renewable": answer.lease.renewable if answer.lease else False,
        }

    async def renew(self, increment: int) -> tuple[int, Any]:
        assert self._lease is not None
        try:
            answer = await self._host.renew(self._lease, increment)
        except (NotRenewed, LookupError):
            return 400, None
        self._lease = answer.lease
        assert answer.lease is not None
        return 200, round(self._host.held(answer.lease).ttl)

    async def revoke(self) -> None:
        assert self._lease is not None
        await self._host.revoke(self._lease)


async def story(mount: Mounted, service: Service) -> list[Any]:
    """What a client asks in turn, and all that is answered, but for what is made at random."""
    told: list[Any] = []

    async def ask(method: str, path: str, /, **data: Any) -> None:
        status, answer = await mount.ask(method, path, **data)
        if answer and path.startswith("creds/") and (answer.get("data") or {}).get("id"):
            answer["data"] = sorted(answer["data"])
        told.append((method, path, status, answer, sorted(service.keys.values())))

    await ask("GET", "config")
    await ask("GET", "creds/ci")
    await ask("POST", "config", url=service.url)
    await ask("POST", "config", url=service.url, password=["no", "text"])
    await ask("POST", "config", url=service.url, password=service.password, bogus=1)
    await ask("GET", "config")
    await ask("LIST", "roles")
    await ask("POST", "roles/ci", owner="robots", ttl="10m")
    await ask("POST", "roles/long", owner="ann", ttl="9000h")
    await ask("POST", "roles/own", owner="bob", name="another")
    await ask("POST", "roles/bad", owner="bob", ttl="a while")
    await ask("GET", "roles/ci")
    await ask("GET", "roles/none")
    await ask("LIST", "roles")
    await ask("DELETE", "roles/own")
    await ask("GET", "nowhere")
    await ask("GET", "creds/none")
    await ask("GET", "creds/long")
    await mount.revoke()
    await ask("GET", "creds/ci")
    told.append(await mount.renew(0))
    told.append(await mount.renew(120))
    told.append(await mount.renew(90000))
    await ask("POST", "config/rotate", policy="keys")
    await ask("GET", "creds/ci")
    service.down = True
    await ask("GET", "creds/ci")
    service.down = False
    await mount.revoke()
    told.append(sorted(service.keys.values()))
    return told


@pytest.fixture
def service() -> Iterator[Service]:
    with Service() as service:
        yield service


@pytest.fixture
def other() -> Iterator[Service]:
    with Service() as service:
        yield service


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The engine as one executable, by the command of docs/sdk/develop.md."""
    file = tmp_path_factory.mktemp("built") / "keys"
    command = [sys.executable, "-m", "scripts.bundle", "--output", str(file)]
    subprocess.run([*command, "--engine", str(KEYS)], cwd=ROOT, check=True, capture_output=True)
    return file


@pytest.fixture
def keys(other: Service, server: VaultServer, built: Path) -> Iterator[VaultServer]:
    """The server with the engine at ``keys/`` and a password policy of that name.

    Its service is there until the server's leases are revoked.
    """
    del other
    server.register("keys", built, version="v0.1.0")
    server.enable("keys", "keys")
    policy = {"policy": 'length = 20\nrule "charset" { charset = "abcdefgh" }'}
    server.http("PUT", "/v1/sys/policies/password/keys", policy)
    yield server
    server.disable("keys")


@pytest.fixture
async def memory() -> AsyncIterator[MemoryHost]:
    async with MemoryHost(backend, mount_point="keys/") as host:
        host.policies["keys"] = lambda: "abcdefgh" * 2
        yield host


def plain(told: list[Any], service: Service) -> str:
    """A line for each answer, without where the service was."""
    return "\n".join(repr(answer).replace(service.url, "URL") for answer in told)


async def test_both_hosts_tell_the_same_story(
    service: Service, other: Service, keys: VaultServer, memory: MemoryHost
) -> None:
    of_memory = plain(await story(Memory(memory), service), service)
    of_server = plain(await story(Real(keys), other), other)
    assert of_memory.splitlines() == of_server.splitlines()
