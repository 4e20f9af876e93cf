"""One tree gives one sha256, and the file names nothing of the machine it was built on."""

import hashlib
import shutil
import sys
import zipfile
from pathlib import Path

from tests.unit.build.conftest import ROOT, Built, build


def test_two_builds_give_the_same_bytes(built: Built, checkout: Path, tmp_path: Path) -> None:
    moved = tmp_path / "elsewhere"
    shutil.copytree(checkout, moved)
    again = tmp_path / "again"
    result = build(moved, again, PYTHONHASHSEED="7", TZ="Asia/Tokyo", LANG="C")
    assert result.returncode == 0, result.stderr
    assert again.read_bytes() == built.path.read_bytes()


def test_the_checksum_file_is_what_sha256sum_reads(built: Built) -> None:
    line = built.path.with_name("witness.sha256").read_text()
    assert line == f"{hashlib.sha256(built.path.read_bytes()).hexdigest()}  witness\n"


def test_a_changed_line_changes_the_sha256(built: Built, checkout: Path, tmp_path: Path) -> None:
    changed = tmp_path / "changed"
    shutil.copytree(checkout, changed)
    with (changed / "vault_plugin/__init__.py").open("a") as source:
        source.write("CHANGED = True\n")
    build(changed, tmp_path / "plugin")
    assert (tmp_path / "plugin").read_bytes() != built.path.read_bytes()


def test_no_path_of_the_build_machine_is_inside(built: Built, checkout: Path) -> None:
    data = built.path.read_bytes()
    for place in (ROOT, checkout, Path(sys.prefix)):
        assert str(place).encode() not in data


def test_only_what_runs_is_inside(built: Built) -> None:
    names = zipfile.ZipFile(built.path).namelist()
    assert names == sorted(names)
    endings = {Path(name).suffix for name in names if not name.startswith("licences/")}
    assert endings == {".py", ".pyc", ".so"}
    assert [name for name in names if name.endswith(".py")] == ["__main__.py"]
    assert not [name for name in names if name.startswith(("grpc", "pycparser", "tests/"))]
    assert {name.split("/")[1] for name in names if name.startswith("licences/")} == {
        "LICENSE", "cffi", "cryptography", "hpack", "protobuf",
    }  # fmt: skip
