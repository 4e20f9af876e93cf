"""What lies beside the executable tells what is in it."""

import hashlib
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packaging.licenses import canonicalize_license_expression

from scripts.bundle.executable.recipe import BUILD
from scripts.bundle.executable.target import machine
from tests.unit.build.conftest import ROOT, build

FILE = ROOT / "dist" / "vault-plugin-secrets-pachyderm"
CARRIED = {
    "cpython",
    "expat",
    "glibc",
    "libgcc",
    "mpdecimal",
    "openssl",
    "upb",
    "utf8_range",
    "mypyc",
    "zlib",
}


@pytest.fixture
def file() -> Path:
    """The built plugin."""
    if not FILE.exists() or FILE.read_bytes()[:4] != b"\x7fELF":
        pytest.skip("no executable was built: make build")
    return FILE


@pytest.fixture
def bill(file: Path) -> dict[str, Any]:
    text = file.with_name(f"{file.name}.cdx.json").read_text()
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    read: dict[str, Any] = json.loads(text)
    return read


def test_the_bill_is_of_this_file(file: Path, bill: dict[str, Any]) -> None:
    (digest,) = bill["metadata"]["component"]["hashes"]
    assert digest["content"] == hashlib.sha256(file.read_bytes()).hexdigest()


def test_the_bill_names_all_that_is_linked(bill: dict[str, Any]) -> None:
    found = {one["name"]: one for one in bill["components"]}
    assert set(found) == CARRIED | {"hpack", "protobuf"}
    for component in found.values():
        assert component["version"]
        assert component["purl"].startswith(("pkg:deb/", "pkg:pypi/", "pkg:generic/"))
        expression = component["licenses"][0]["expression"]
        assert canonicalize_license_expression(expression) == expression


def test_every_module_is_told_by_its_hash(bill: dict[str, Any]) -> None:
    owners = (bill["metadata"]["component"], *bill["components"])
    modules = [file["name"] for owner in owners for file in owner.get("components", ())]
    assert len(modules) == len(set(modules))
    assert {"_entry", "vault_plugin.engine", "shim.plugin", "hpack", "asyncio.tasks"} <= set(
        modules
    )
    assert not [name for name in modules if name.startswith(("cryptography", "ctypes", "test."))]


def test_the_notices_of_all_are_printed(file: Path) -> None:
    printed = subprocess.run(
        [file, "--licenses"], capture_output=True, text=True, check=True
    ).stdout
    assert printed == file.with_name(f"{file.name}.licences.txt").read_text()
    headings = [line.split(" ")[0] for line in printed.splitlines() if line.endswith(")")]
    assert CARRIED | {"hpack", "protobuf"} <= set(headings)
    for words in ("PYTHON SOFTWARE FOUNDATION LICENSE", "GNU Lesser General Public", "Jean-loup"):
        assert words in printed


def test_it_is_static_and_its_stack_is_no_code(file: Path) -> None:
    said = subprocess.run(
        ["readelf", "--wide", "--program-headers", "--dynamic", file],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert "There is no dynamic section" in said
    assert "INTERP" not in said
    (stack,) = (line for line in said.splitlines() if "GNU_STACK" in line)
    assert " RW " in stack
    assert not [line for line in said.splitlines() if "RWE" in line]


@pytest.mark.parametrize("source", ["Modules__ssl.c", "upb_wire_decode.c", "certificate.c"])
def test_what_reads_others_bytes_guards_its_stack(file: Path, source: str) -> None:
    del file  # was linked of what is looked at
    kept = (BUILD / machine() / "objects").glob(f"{source}.*.o")
    newest = max(kept, key=lambda built: built.stat().st_mtime)
    symbols = subprocess.run(["nm", newest], capture_output=True, text=True, check=True).stdout
    assert "__stack_chk_fail" in symbols


@pytest.mark.timeout(900)  # all is compiled
def test_another_checkout_with_nothing_compiled_gives_the_same_bytes(
    file: Path, tmp_path: Path
) -> None:
    root = tmp_path / "another checkout"
    for part in ("scripts", "shim", "vault_plugin"):
        shutil.copytree(ROOT / part, root / part)
    for part in ("LICENSE", "requirements-plugin.lock"):
        shutil.copy(ROOT / part, root / part)
    fetched = root / "build"
    fetched.mkdir()
    for part in ("debian", "sdist"):
        (fetched / part).symlink_to(BUILD / part)
    again = tmp_path / "out" / file.name
    other = {"PYTHONHASHSEED": "7", "TZ": "Asia/Tokyo", "LC_ALL": "C", "HOME": "/nowhere"}
    result = build(root / "vault_plugin", again, root=root, form="executable", umask=0o077, **other)
    assert result.returncode == 0, result.stderr
    for suffix in ("", ".sha256", ".cdx.json", ".licences.txt"):
        written = again.with_name(f"{again.name}{suffix}").read_bytes()
        assert written == file.with_name(f"{file.name}{suffix}").read_bytes(), suffix
