"""One tree gives one sha256, and the file names nothing of the machine it was built on."""

import hashlib
import shutil
import sys
import zipfile
from pathlib import Path
from typing import Any

from tests.unit.build.conftest import ROOT, Built, build


def whole_build(plugin: Path) -> dict[str, bytes]:
    """All that a build wrote: what comes after the plugin's name, to its bytes."""
    written = plugin.parent.glob(f"{plugin.name}*")
    return {path.name.removeprefix(plugin.name): path.read_bytes() for path in written}


def test_two_builds_give_the_same_bytes(built: Built, engine: Path, tmp_path: Path) -> None:
    moved = tmp_path / "elsewhere/witness"
    shutil.copytree(engine, moved)
    cache = moved / "__pycache__"
    cache.mkdir()
    (cache / f"__init__.{sys.implementation.cache_tag}.pyc").write_bytes(b"stale")
    again = tmp_path / "out" / "witness"
    other: dict[str, Any] = {
        "PYTHONHASHSEED": "7",
        "TZ": "Asia/Tokyo",
        "LC_ALL": "C",
        "HOME": "/nowhere",
    }
    result = build(moved, again, umask=0o077, **other)
    assert result.returncode == 0, result.stderr
    assert whole_build(again) == whole_build(built.path)
    assert set(whole_build(again)) == {"", ".sha256", ".cdx.json", ".licences.txt"}
    assert again.stat().st_mode == built.path.stat().st_mode


def test_the_checksum_file_is_what_sha256sum_reads(built: Built) -> None:
    line = built.path.with_name("witness.sha256").read_text()
    assert line == f"{hashlib.sha256(built.path.read_bytes()).hexdigest()}  witness\n"


def test_a_changed_line_changes_the_sha256(built: Built, engine: Path, tmp_path: Path) -> None:
    changed = tmp_path / "changed/witness"
    shutil.copytree(engine, changed)
    with (changed / "__init__.py").open("a") as source:
        source.write("CHANGED = True\n")
    build(changed, tmp_path / "plugin")
    assert (tmp_path / "plugin").read_bytes() != built.path.read_bytes()


def test_no_path_of_the_build_machine_is_inside(built: Built, engine: Path) -> None:
    data = built.path.read_bytes()
    for place in (ROOT, engine, Path(sys.prefix)):
        assert str(place).encode() not in data


def test_only_what_runs_is_inside(built: Built) -> None:
    names = zipfile.ZipFile(built.path).namelist()
    assert names == sorted(names)
    unlike_code = [name for name in names if Path(name).suffix not in {".pyc", ".so"}]
    assert unlike_code == ["__main__.py"]
    assert not [name for name in names if name.startswith(("grpc", "pycparser", "tests/"))]
