"""The engine explains itself: path help for people, OpenAPI for programs."""

import re
from collections.abc import Iterator

import pytest
from openapi_spec_validator import validate

from tests.integration.mount import PLUGIN
from tests.integration.openbao import VaultServer
from vault_plugin import engine

FIELDS = {path.template: sorted(path.fields) for path in engine.backend().paths}
VERBS = {"get", "post", "patch", "delete"}


@pytest.fixture(scope="module")
def vault(server: VaultServer, plugin: str) -> Iterator[VaultServer]:
    """The server with the engine at ``pachyderm/``, not configured: help needs no cluster."""
    server.enable(PLUGIN, "pachyderm")
    yield server
    server.disable("pachyderm")


def path_help(vault: VaultServer, *parts: str) -> str:
    ran = vault.cli("path-help", "/".join(("pachyderm", *parts)))
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def of(template: str) -> str:
    """A path that the template matches."""
    return re.sub(r"\{\w+\}", "x", template.replace("{subject}", "robot:x"))


def test_the_root_names_every_path_with_a_line_about_it(vault: VaultServer) -> None:
    text = path_help(vault)
    assert "Mints Pachyderm tokens" in text
    for path in engine.backend().paths:
        assert path.synopsis in text
        assert path.template.split("/")[0] in text


@pytest.mark.parametrize("template", FIELDS)
def test_a_path_explains_each_field(vault: VaultServer, template: str) -> None:
    text = path_help(vault, of(template))
    for field in FIELDS[template]:
        assert re.search(rf"^ +{field} \(\w.*\)$", text, re.MULTILINE), field
    assert max(map(len, text.splitlines())) <= 100


def test_the_servers_document_lists_the_mounts_paths(vault: VaultServer) -> None:
    status, document = vault.http("GET", "/v1/sys/internal/specs/openapi")
    assert status == 200
    for template in FIELDS:
        assert any(path.endswith(f"/{template}") for path in document["paths"]), template


def test_the_document_validates(vault: VaultServer) -> None:
    status, answer = vault.http("GET", "/v1/pachyderm/?help=1")
    assert status == 200
    document = answer["openapi"]
    validate(document)
    assert document["paths"].keys() == {f"/{template}" for template in FIELDS}
    names = [
        item[verb]["operationId"]
        for item in document["paths"].values()
        for verb in item.keys() & VERBS
    ]
    assert len(names) == len(set(names)) > 0


@pytest.mark.parametrize("template", FIELDS)
def test_a_paths_own_document_validates(vault: VaultServer, template: str) -> None:
    _, answer = vault.http("GET", f"/v1/pachyderm/{of(template)}?help=1")
    validate(answer["openapi"])
