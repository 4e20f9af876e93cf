"""The SBOM is valid CycloneDX and accounts for all that the built file holds."""

import hashlib
import importlib.metadata
import json
import zipfile
from collections.abc import Iterator
from typing import Any

import pytest
from cryptography.hazmat.backends.openssl import backend
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packaging.licenses import canonicalize_license_expression

from scripts.bundle.contents import DEPENDENCIES
from tests.unit.build.conftest import Built

Component = dict[str, Any]


@pytest.fixture(scope="session")
def text(built: Built) -> str:
    return built.path.with_name("witness.cdx.json").read_text()


@pytest.fixture(scope="session")
def bill(text: str) -> Component:
    read: Component = json.loads(text)
    return read


def everything(bill: Component) -> Iterator[Component]:
    """All components but the files."""
    yield bill["metadata"]["component"]
    yield from bill["components"]


def files(bill: Component) -> dict[str, str]:
    """Every file of every component: name to SHA-256."""
    nested = [file for one in everything(bill) for file in one.get("components", ())]
    told = {file["name"]: file["hashes"][0]["content"] for file in nested}
    assert len(told) == len(nested)
    return told


def named(bill: Component, name: str) -> Component:
    (found,) = (one for one in everything(bill) if one["name"] == name)
    return found


def test_it_is_valid(text: str) -> None:
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None


def test_the_validator_sees_a_fault(text: str) -> None:
    broken = text.replace('"type": "library"', '"type": "book"')
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(broken) is not None


def test_it_is_of_this_file(bill: Component, built: Built) -> None:
    plugin = bill["metadata"]["component"]
    assert plugin["hashes"] == [
        {"alg": "SHA-256", "content": hashlib.sha256(built.path.read_bytes()).hexdigest()}
    ]
    assert plugin["version"] == "1.2.3"


def test_every_entry_of_the_archive_is_accounted_for(bill: Component, built: Built) -> None:
    archive = zipfile.ZipFile(built.path)
    inside = {name: hashlib.sha256(archive.read(name)).hexdigest() for name in archive.namelist()}
    assert files(bill) == inside


def test_every_dependency_is_named_with_what_it_brought(bill: Component) -> None:
    for name in DEPENDENCIES:
        component = named(bill, name)
        version = importlib.metadata.version(name)
        assert component["purl"] == f"pkg:pypi/{name}@{version}"
        assert component["version"] == version
        assert component["components"]
        assert component["properties"]
    assert [f["name"] for f in named(bill, "cffi")["components"]] == ["native/_cffi_backend.so"]


def test_the_linked_openssl_is_the_one_that_runs(bill: Component) -> None:
    version = backend.openssl_version_text().split()[1]
    assert f"pkg:generic/openssl@{version}" in [one["purl"] for one in everything(bill)]


def test_every_component_has_a_licence_that_spdx_knows(bill: Component) -> None:
    for component in everything(bill):
        (licence,) = component["licenses"]
        assert canonicalize_license_expression(licence["expression"]) == licence["expression"]


def test_everything_is_reached_from_the_plugin(bill: Component) -> None:
    needs = {entry["ref"]: entry["dependsOn"] for entry in bill["dependencies"]}
    reached: set[str] = set()
    ahead = [bill["metadata"]["component"]["bom-ref"]]
    while ahead:
        ref = ahead.pop()
        if ref not in reached:
            reached.add(ref)
            ahead.extend(needs[ref])
    assert reached == {component["bom-ref"] for component in everything(bill)}


def test_it_names_no_place_and_no_time(text: str, bill: Component) -> None:
    assert "://" not in text
    assert "file:" not in text
    assert "timestamp" not in bill["metadata"]
