"""The zip lives its whole life where there is nothing but Python: no shell, no network."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from tests.integration.interpreter import interpreter, standard_library
from tests.unit.process.mounted import mounted
from tests.unit.process.namespaces import network_of, own_mounts, own_root
from tests.unit.process.whole_life import live

if TYPE_CHECKING:
    from collections.abc import Iterator

# Beside libc.so.6 wherever that is glibc: the one is its own, the other its package demands, for a
# thread cannot be ended without it.
PARTS_OF_LIBC = ("libpthread.so.0", "libgcc_s.so.1")

SEEN = """
import importlib.util, json, os, socket

def below(*folders):
    return [name for folder in folders for _, _, names in os.walk(folder) for name in names]

packages = ("pip", "cryptography", "google", "hpack")
print(json.dumps({
    "programs": below(*os.get_exec_path()),
    "packages": [name for name in packages if importlib.util.find_spec(name)],
    "libraries": below("/lib", "/lib64"),
    "networks": [name for _, name in socket.if_nameindex()],
    "others": below("/etc", "/opt", "/root", "/home", "/var"),
}))
"""


class Machine(NamedTuple):
    """A machine with the plugin on it; `command` runs a program there."""

    plugin: Path
    python: Path
    command: list[str]

    def seen(self) -> Any:
        ran = subprocess.run(
            [*self.command, self.python, "-ISB", "-c", SEEN],
            env={"PATH": os.environ["PATH"]},
            capture_output=True,
            check=True,
        )
        return json.loads(ran.stdout)


def libraries(*programs: Path) -> set[Path]:
    """The shared libraries that programs and modules need, the dynamic loader among them."""
    told = subprocess.run(["ldd", *programs], capture_output=True, text=True, check=True).stdout
    return {Path(path) for path in re.findall(r"(?:=> |^\t)(/\S+)", told, re.MULTILINE)}


def bare(folder: Path, python: Path) -> str:
    """Fill a root directory with `python` and what it needs; gives the mounts it needs too."""
    modules = standard_library(python)
    needed = libraries(python, *modules.glob("lib-dynload/*.so"))
    (libc,) = (path for path in needed if path.name == "libc.so.6")
    needed |= {libc.with_name(name) for name in PARTS_OF_LIBC}
    for file in (python, *needed):
        place = Path(f"{folder}{file}")
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, place)
    for part in ("dev", "etc", f".{modules}"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    (folder / "etc/hosts").write_text("127.0.0.1 localhost\n")
    (folder / "dev/null").touch()
    library = f"{folder}{modules}"
    return (
        f"mount --bind /dev/null {folder}/dev/null\n"
        f"mount --bind {modules} {library}\n"
        f"if [ -d {library}/site-packages ]; then mount -t tmpfs none {library}/site-packages; fi"
    )


@pytest.fixture
def machine(zip_file: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Machine]:
    folder = Path(tempfile.mkdtemp(prefix="bm"))
    root, shared = folder / "root", folder / "shared"
    root.mkdir()
    shared.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(shared))
    plugin = shared / zip_file.name
    shutil.copy(zip_file, plugin)
    python = interpreter(plugin)
    try:
        mounts = bare(root, python)
        yield Machine(plugin, python, own_root(mounts, root, shared, "--net"))
    finally:
        shutil.rmtree(folder)


def test_there_is_nothing_but_python(machine: Machine) -> None:
    seen = machine.seen()
    assert set(seen["programs"]) == {machine.python.name}
    assert seen["packages"] == []
    assert not [name for name in seen["libraries"] if name.startswith(("libstdc++", "libnss"))]
    assert seen["networks"] == ["lo"]
    assert seen["others"] == ["hosts"]


def test_by_hand_it_says_what_it_is(machine: Machine) -> None:
    ran = subprocess.run([*machine.command, machine.plugin], env={}, capture_output=True, text=True)
    assert ran.returncode == 1
    assert "vault plugin register" in ran.stderr


def test_half_a_standard_library_is_refused_in_one_line(machine: Machine) -> None:
    missing = standard_library(machine.python) / "lib-dynload"
    half = own_mounts(f"mount -t tmpfs none {missing}")
    ran = subprocess.run([*half, machine.plugin], env={}, capture_output=True, text=True)
    assert (ran.returncode, ran.stdout) == (1, "")
    assert ran.stderr.startswith("[ERROR] vault-plugin-secrets-pachyderm takes the whole standard")
    assert ran.stderr.count("\n") == 1


async def test_it_lives_its_whole_life_there(machine: Machine) -> None:
    if os.getuid() != 0:
        pytest.skip("only root may put a pachd into the network of another process")
    async with mounted((*machine.command, str(machine.plugin))) as mount:
        with network_of(mount.host.plugin.process.pid):
            await live(mount)
    assert not mount.logged('"@level":"error"')
