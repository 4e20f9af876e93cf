"""The licence notices of all that is inside travel with the built file."""

import importlib.metadata
import json
from pathlib import Path
from typing import Any

import pytest

from scripts.bundle.contents import DEPENDENCIES, installed
from scripts.bundle.notices import LINKED, RULE
from tests.unit.build.conftest import ROOT, Built, build

# Licensed otherwise, and not inside: it runs in the Rust compiler.
COMPILERS_OWN = {"asn1_derive", "unicode-ident"}


@pytest.fixture(scope="session")
def plugin(open_folder: Path) -> Built:
    """The real plugin, built anew."""
    path = open_folder / "real" / "plugin"
    made = build(ROOT / "vault_plugin", path)
    assert made.returncode == 0, made.stderr
    return Built(path)


@pytest.fixture(scope="session")
def text(plugin: Built) -> str:
    return plugin.path.with_name("plugin.licences.txt").read_text()


def headings(text: str) -> list[str]:
    return [part.strip() for part in text.split(RULE)[1::2]]


def test_the_file_prints_what_lies_beside_it(plugin: Built, text: str) -> None:
    ran = plugin.run("--licenses")
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout == text


def test_our_own_licence_is_whole(text: str) -> None:
    assert (ROOT / "LICENSE").read_text().rstrip() in text


@pytest.mark.parametrize("name", DEPENDENCIES)
def test_every_licence_file_of_a_dependency_is_whole(text: str, name: str) -> None:
    distribution = importlib.metadata.distribution(name)
    licences = [
        source.read_text().rstrip()
        for path, source in installed(distribution)
        if ".dist-info/" in path and any(word in path.upper() for word in ("LICEN", "NOTICE"))
        if not path.endswith(".json")
    ]
    assert licences
    for licence in licences:
        assert licence in text
    assert any(heading.startswith(f"{name} {distribution.version}, ") for heading in headings(text))


def test_what_is_linked_in_has_its_text_or_the_one_of_apache(text: str, plugin: Built) -> None:
    bill: dict[str, Any] = json.loads(plugin.path.with_name("plugin.cdx.json").read_text())
    linked = [one for one in bill["components"] if "components" not in one]
    assert linked
    assert "Apache License\n                           Version 2.0" in text
    own = {heading.split(" ")[0] for heading in headings(text)}
    for component in linked:
        licence = component["licenses"][0]["expression"]
        assert f"  {component['name']} " in text
        options = [option.partition(" WITH ")[0] for option in licence.split(" OR ")]
        offered = "Apache-2.0" in options
        if not offered and component["name"] not in COMPILERS_OWN:
            assert component["name"] in own, component["name"]


def test_no_text_of_a_linked_library_is_left_over(text: str) -> None:
    ours = {path.stem for path in LINKED.glob("*.txt")}
    assert ours <= {heading.split(" ")[0] for heading in headings(text)}
