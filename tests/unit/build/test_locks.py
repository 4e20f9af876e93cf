"""What may be installed is locked by hash, and what is bundled is byte for byte what was locked."""

import base64
import hashlib
import importlib.metadata
import re
import tomllib
import zipfile

import pytest
from packaging.requirements import Requirement

from scripts.bundle.contents import DEPENDENCIES, contents
from scripts.bundle.engine import Engine
from tests.unit.build.conftest import ROOT, Built

LOCKS = ("requirements.lock", "requirements-plugin.lock")
UNUSED = {"pycparser"}  # cffi's, for the parsing of C declarations


def locked(lock: str) -> dict[str, tuple[Requirement, set[str]]]:
    """Each requirement of a lock by name, with its hashes."""
    lines = (ROOT / lock).read_text().replace("\\\n", " ").splitlines()
    found = {}
    for line in lines:
        if line.strip() and not line.lstrip().startswith("#"):
            requirement, *hashes = line.split("--hash=")
            named = Requirement(requirement)
            found[named.name] = (named, {text.strip() for text in hashes})
    return found


@pytest.mark.parametrize("lock", LOCKS)
def test_every_requirement_is_one_version_by_hash(lock: str) -> None:
    assert locked(lock)
    for requirement, hashes in locked(lock).values():
        assert re.fullmatch(r"==[^*,]+", str(requirement.specifier)), requirement
        assert requirement.url is None
        assert hashes, requirement
        assert all(re.fullmatch("sha256:[0-9a-f]{64}", text) for text in hashes), requirement


@pytest.mark.parametrize("lock", LOCKS)
def test_no_lock_names_a_place(lock: str) -> None:
    text = (ROOT / lock).read_text()
    assert "://" not in text
    assert not re.search(r"^\s*-(?!-hash=)", text, re.MULTILINE), "an option of pip"


def test_the_plugins_lock_is_part_of_the_developers() -> None:
    everything = locked("requirements.lock")
    for name, (requirement, hashes) in locked("requirements-plugin.lock").items():
        whole, all_hashes = everything[name]
        assert requirement.specifier == whole.specifier
        assert hashes == all_hashes


def test_the_plugins_lock_is_complete() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    lock = locked("requirements-plugin.lock")
    ahead = [Requirement(text) for text in project["dependencies"]]
    needed = set()
    while ahead:
        requirement = ahead.pop()
        if requirement.marker and not requirement.marker.evaluate({"extra": ""}):
            continue
        pinned, _ = lock[requirement.name]
        (version,) = (one.version for one in pinned.specifier)
        assert requirement.specifier.contains(version), requirement
        assert importlib.metadata.version(requirement.name) == version
        if requirement.name not in needed:
            needed.add(requirement.name)
            ahead.extend(map(Requirement, importlib.metadata.requires(requirement.name) or ()))
    assert needed == set(lock)


def test_nothing_is_bundled_but_what_is_locked() -> None:
    assert set(DEPENDENCIES) | UNUSED == set(locked("requirements-plugin.lock"))


def test_what_is_bundled_is_what_the_wheels_recorded(built: Built) -> None:
    """A wheel's RECORD is under the hash in the lock, and tells the hash of each of its files."""
    recorded = {
        path.as_posix(): path.hash
        for name in DEPENDENCIES
        for path in importlib.metadata.distribution(name).files or ()
    }
    inside = contents(Engine(ROOT / "vault_plugin"))
    bundled = [item for item in (*inside.modules, *inside.natives) if item.owner]
    assert bundled
    for item in bundled:
        digest = hashlib.sha256(item.source.read_bytes()).digest()
        told = recorded[item.name]
        assert told is not None
        assert told.mode == "sha256"
        assert told.value == base64.urlsafe_b64encode(digest).decode().rstrip("="), item.name
    natives = {item.source.read_bytes() for item in inside.natives}
    archive = zipfile.ZipFile(built.path)
    assert natives == {archive.read(n) for n in archive.namelist() if n.endswith(".so")}
