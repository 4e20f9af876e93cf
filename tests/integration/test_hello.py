"""The example of `shim`, another engine in forty lines, mounted and used."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.conftest import ROOT
from tests.integration.launcher import launcher
from tests.integration.mount import eventually
from tests.integration.openbao import VaultServer

HELLO = ROOT / "examples" / "hello.py"


@pytest.fixture(scope="module")
def launched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A script by which this Python runs the example from this checkout."""
    return launcher(HELLO, tmp_path_factory.mktemp("launcher"))


@pytest.fixture
def hello(server: VaultServer, launched: Path) -> Iterator[VaultServer]:
    """The server with the example at ``hello/``; docs/sdk/develop.md mounts it as one file."""
    server.register("hello", launched, version="v0.1.0")
    server.enable("hello", "hello")
    yield server
    server.disable("hello")


def test_it_is_read_and_written(hello: VaultServer) -> None:
    vault = hello.client()
    assert vault.read("hello/greet/world")["data"] == {"greeting": "hello world"}
    written = vault.write_data("hello/greet/world", data={"tone": "good morning"})
    assert written["data"] == {"greeting": "good morning world"}
    assert written["lease_duration"] == 60


def test_what_it_says_is_renewed_and_revoked(hello: VaultServer) -> None:
    vault = hello.client()
    lease = vault.read("hello/greet/world")["lease_id"]
    assert vault.sys.renew_lease(lease)["lease_duration"] == 60
    vault.sys.revoke_lease(lease)
    lookup = {"lease_id": lease}
    eventually(lambda: hello.http("PUT", "/v1/sys/leases/lookup", lookup)[0] == 400)


def test_it_explains_itself(hello: VaultServer) -> None:
    root = hello.cli("path-help", "hello").stdout
    assert "Greets people." in root
    assert "greet/" in root
    path = hello.cli("path-help", "hello/greet/world").stdout
    assert "Greet someone." in path
    assert "tone (string)" in path


def test_a_mistake_is_the_users(hello: VaultServer) -> None:
    status, answer = hello.http("POST", "/v1/hello/greet/world", {"tone": ["no", "word"]})
    assert status == 400
    assert "tone" in str(answer["errors"])


def test_it_tells_its_version(hello: VaultServer) -> None:
    status, answer = hello.http("GET", "/v1/sys/mounts/hello")
    assert status == 200
    assert answer["data"]["running_plugin_version"] == "v0.1.0"


def test_it_is_about_forty_lines_of_code() -> None:
    prose = {
        line
        for node in ast.walk(ast.parse(HELLO.read_text()))
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)  # a docstring
        for line in range(node.lineno, (node.end_lineno or node.lineno) + 1)
    }
    code = [
        line
        for number, line in enumerate(HELLO.read_text().splitlines(), 1)
        if line.strip() and not line.startswith("#") and number not in prose
    ]
    assert 30 <= len(code) <= 45
