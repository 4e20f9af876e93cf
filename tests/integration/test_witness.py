"""What handlers see of a real server's requests, and what clients get of what they say."""

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from shim.grpc import RpcError, Status
from shim.testing import Caller, MemoryHost
from tests.integration import witness
from tests.integration.conftest import StartServer
from tests.integration.kept_server import KeptServer
from tests.integration.kind import OPENBAO
from tests.integration.launcher import launcher
from tests.integration.openbao import VaultServer


@pytest.fixture(scope="module")
def mounted(server: VaultServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[VaultServer]:
    """The server with the engine at ``witness/``, which lets headers through."""
    mount(server, tmp_path_factory.mktemp("witness"))
    yield server
    server.disable("witness")


def mount(server: VaultServer, directory: Path) -> None:
    server.register("witness", launcher(Path(witness.__file__), directory), version="v0.1.0")
    server.enable("witness", "witness")
    tuned = {
        "passthrough_request_headers": ["X-Asked"],
        "allowed_response_headers": ["X-Witness"],
    }
    assert server.http("POST", "/v1/sys/mounts/witness/tune", tuned)[0] == 204


def read(server: VaultServer, path: str, **more: Any) -> dict[str, Any]:
    status, answer = server.http("GET", f"/v1/witness/{path}", **more)
    assert status == 200, answer
    data: dict[str, Any] = answer["data"]
    return data


def answer(server: VaultServer, path: str) -> requests.Response:
    return requests.get(
        f"{server.address}/v1/witness/{path}",
        headers={"X-Vault-Token": server.root_token},
        timeout=90,
    )


def test_what_a_handler_sees(mounted: VaultServer) -> None:
    asked = {"X-Asked": "what?", "X-Other": "hidden", "X-Vault-Wrap-TTL": ""}
    status, whole = mounted.http("GET", "/v1/witness/seen", headers=asked)
    assert status == 200
    seen = whole["data"]
    assert seen["id"] == whole["request_id"]
    assert seen["headers"] == {"x-asked": ["what?"]}
    assert seen["address"] == "127.0.0.1"
    assert (seen["port"] > 0) == (mounted.kind is OPENBAO)  # Vault 1.21.4 does not tell a plugin
    assert seen["accessor"]
    # OpenBao 2.7.2 does not tell a plugin.
    assert not seen["mount_accessor"] or seen["mount_accessor"].startswith("witness_")
    assert seen["mount_type"] == "witness"
    assert seen["authenticated"] is True
    assert "what?" not in seen["shown"]


def test_a_request_without_a_token_is_not_authenticated(mounted: VaultServer) -> None:
    seen = read(mounted, "open", token=None)
    assert seen["authenticated"] is False
    assert seen["accessor"] == ""


def test_a_client_asks_for_its_answer_to_be_wrapped(mounted: VaultServer) -> None:
    asked = {"X-Vault-Wrap-TTL": "90"}
    _, wrapped = mounted.http("GET", "/v1/witness/seen", headers=asked)
    token = wrapped["wrap_info"]["token"]
    _, whole = mounted.http("PUT", "/v1/sys/wrapping/unwrap", {"token": token})
    assert whole["data"]["wrap_ttl"] == 90


def test_the_groups_of_an_entity(mounted: VaultServer) -> None:
    assert (
        mounted.http(
            "PUT",
            "/v1/sys/policies/acl/witness",
            {"policy": 'path "witness/*" { capabilities = ["read"] }'},
        )[0]
        == 204
    )
    mounted.http("POST", "/v1/sys/auth/userpass", {"type": "userpass"})
    mounted.http(
        "POST", "/v1/auth/userpass/users/ann", {"password": "pw", "token_policies": "witness"}
    )
    _, login = mounted.http("POST", "/v1/auth/userpass/login/ann", {"password": "pw"}, token=None)
    group = {"name": "readers", "member_entity_ids": [login["auth"]["entity_id"]]}
    assert mounted.http("POST", "/v1/identity/group", group)[0] == 200
    assert read(mounted, "seen", token=login["auth"]["client_token"])["groups"] == ["readers"]


def test_a_raw_body(mounted: VaultServer) -> None:
    raw = answer(mounted, "raw")
    assert raw.status_code == 203
    assert raw.headers["Content-Type"] == "application/x-pem-file"
    assert raw.content == b"\x00\xffPEM"


def test_a_body_that_is_no_json_reaches_no_handler(mounted: VaultServer) -> None:
    """OpenBao 2.7 knows no binary paths, Vault 1.21 forgets those that a plugin process names."""
    body = b"\x00\xffPEM"
    status, refused = mounted.http("POST", "/v1/witness/told", body)
    assert status == 400
    assert mounted.kind.not_json in str(refused["errors"])
    as_text = {"body": base64.b64encode(body).decode()}
    assert mounted.http("POST", "/v1/witness/told", as_text)[1]["data"] == {"told": as_text}


def test_a_header_of_the_answer(mounted: VaultServer) -> None:
    assert answer(mounted, "header").headers["X-Witness"] == "one, two"


def test_an_answer_that_is_wrapped(mounted: VaultServer) -> None:
    status, wrapped = mounted.http("GET", "/v1/witness/wrapped")
    assert status == 200
    assert not wrapped["data"]
    assert wrapped["wrap_info"]["ttl"] == 60
    token = {"token": wrapped["wrap_info"]["token"]}
    _, whole = mounted.http("PUT", "/v1/sys/wrapping/unwrap", token)
    assert whole["data"] == {"secret": "wrapped"}


async def test_pages_and_json_are_the_same_in_memory(mounted: VaultServer) -> None:
    found = read(mounted, "pages")
    assert found == {
        "all": ["a", "b", "c/", "e"],
        "two": ["b", "c/"],
        "json": {"name": "c/d"},
        "none": None,
    }
    for openbao in (True, False):
        async with MemoryHost(witness.backend, mount_point="witness/") as host:
            host.openbao = openbao
            assert (await host.read("pages")).data == found


#: what a transaction tells that another's writing meets
MET = {
    "read": "refused",
    "left of read": [None, None],
    "else": "kept",
    "left of else": [1, "another's"],
}


async def test_transactions_or_a_plain_word(
    mounted: VaultServer, another: StartServer, tmp_path: Path
) -> None:
    kept = {"seen": [1, 2], "count": 2}
    async with MemoryHost(witness.backend) as host:
        assert (await host.read("transaction")).data == kept
        assert (await host.read("met")).data == MET
        host.openbao = False
        (word,) = ((await host.read("transaction")).data or {}).items()
    assert word[0] == "none"
    assert "no transactions" in word[1]
    on_disk = another(KeptServer, bare=True)
    mount(on_disk, tmp_path)
    for server in (mounted, on_disk):
        found = read(server, "transaction"), read(server, "met")
        assert found in ((kept, MET), (dict([word]), dict([word]))), found


class Lost(MemoryHost):
    """A host that is gone when a transaction is to be undone."""

    async def refusal(self, name: str, *, done: bool) -> str:
        if name == "Storage/Rollback":
            raise RpcError(Status.UNAVAILABLE, "the connection is closed")
        return await super().refusal(name, done=done)


async def test_what_a_transaction_failed_with_is_heard_where_its_undoing_fails_too() -> None:
    async with Lost(witness.backend) as host:
        assert (await host.read("transaction")).data == {"seen": [1, 2], "count": 2}


async def test_what_is_seen_is_the_same_in_memory(mounted: VaultServer) -> None:
    seen = read(mounted, "seen", headers={"X-Asked": "what?"})
    async with MemoryHost(witness.backend, mount_point="witness/") as host:
        host.caller = Caller(
            headers={"X-Asked": ["what?"]}, port=seen["port"], accessor=seen["accessor"]
        )
        mine = (await host.read("seen")).data
    assert mine is not None
    for key in ("headers", "address", "port", "accessor", "mount_type", "authenticated", "groups"):
        assert mine[key] == seen[key], key
