"""The built plugin lives its whole life where there is nothing but itself: no library, no shell."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

from tests.unit.process.mounted import mounted
from tests.unit.process.namespaces import network_of, own_root
from tests.unit.process.whole_life import live

if TYPE_CHECKING:
    from collections.abc import Iterator


class Machine(NamedTuple):
    """A machine with the plugin on it; `command` runs a program there."""

    plugin: Path
    command: list[str]


def files_mapped(process: int) -> set[str]:
    """The names of the files that a process has in its memory."""
    mapped = Path(f"/proc/{process}/maps").read_text().splitlines()
    return {Path(line.split()[5]).name for line in mapped if "/" in line}


@pytest.fixture
def machine(plugin_file: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Machine]:
    if plugin_file.read_bytes()[:4] != b"\x7fELF":
        pytest.skip("the plugin is a zip, which needs its Python: test_zip.py")
    folder = Path(tempfile.mkdtemp(prefix="er"))
    root, shared = folder / "root", folder / "shared"
    for part in (root, shared, root / "dev", root / "etc"):
        part.mkdir()
    (root / "dev/null").touch()
    (root / "etc/hosts").write_text("127.0.0.1 localhost\n")
    monkeypatch.setattr(tempfile, "tempdir", str(shared))
    plugin = shared / plugin_file.name
    shutil.copy(plugin_file, plugin)
    mounts = f"mount --bind /dev/null {root}/dev/null"
    yield Machine(plugin, own_root(mounts, root, shared, "--net"))
    shutil.rmtree(folder)


def test_by_hand_it_says_what_it_is(machine: Machine) -> None:
    ran = subprocess.run([*machine.command, machine.plugin], env={}, capture_output=True, text=True)
    assert ran.returncode == 1
    assert "vault plugin register" in ran.stderr


async def test_it_lives_its_whole_life_there(machine: Machine) -> None:
    if os.getuid() != 0:
        pytest.skip("only root may put a pachd into the network of another process")
    async with mounted((*machine.command, str(machine.plugin))) as mount:
        process = mount.host.plugin.process.pid
        assert files_mapped(process) == {machine.plugin.name}
        with network_of(process):
            await live(mount)
    assert not mount.logged('"@level":"error"')
