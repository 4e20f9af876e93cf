"""In all its life the built plugin creates no file but its socket, wherever it may write."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.unit.process.mounted import mounted
from tests.unit.process.namespaces import own_root
from tests.unit.process.whole_life import live

if TYPE_CHECKING:
    from collections.abc import Iterator

FOREIGN = Path("/dev/shm")  # another file system than root's: an overlay's upper half wants that


class Overlaid:
    """A disk that is this machine's to read, and keeps what is written apart."""

    def __init__(self, folder: Path, shared: Path) -> None:
        self.shared = shared
        self.upper = folder / "upper"
        self.memory = folder / "memory"
        root, work = folder / "root", folder / "work"
        for part in (root, work, self.upper, self.memory):
            part.mkdir()
        self.command = own_root(
            f"mount -t overlay -o lowerdir=/,upperdir={self.upper},workdir={work} overlay {root}\n"
            f"mount --rbind /dev {root}/dev\n"
            f"mount --bind {self.memory} {root}/dev/shm",
            root,
            shared,
        )
        tried = subprocess.run([*self.command, "/bin/true"], capture_output=True, text=True)
        if tried.returncode != 0:
            pytest.skip(f"no overlay here: {tried.stderr.strip()}")
        self._own = self.written()

    def written(self) -> set[tuple[str, int]]:
        """What was created, changed or removed, a folder of such too, each with its time."""
        kept = (self.memory, *self.memory.rglob("*"), self.upper, *self.upper.rglob("*"))
        return {(str(path), path.lstat().st_mtime_ns) for path in kept}

    def touched(self) -> list[str]:
        return sorted(path for path, _ in self.written() - self._own)


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[Overlaid]:
    folder = Path(tempfile.mkdtemp(dir=FOREIGN))
    shared = Path(tempfile.mkdtemp(prefix="ud"))
    monkeypatch.setattr(tempfile, "tempdir", str(shared))
    try:
        yield Overlaid(folder, shared)
    finally:
        for work in folder.glob("work/work"):
            work.chmod(0o700)  # overlay leaves it closed, to its owner too
        shutil.rmtree(folder)
        shutil.rmtree(shared)


@pytest.mark.parametrize(
    "deed",
    [
        'echo > "$HOME/left"',
        "echo > /var/tmp/left",
        "mkdir /var/tmp/left",
        "echo > /dev/shm/left",
        "echo > /var/tmp/gone; rm /var/tmp/gone",
        "echo > /dev/shm/gone; rm /dev/shm/gone",
        "chmod 600 /etc/hosts",
    ],
)
def test_what_is_written_is_seen(disk: Overlaid, deed: str) -> None:
    home = {"HOME": os.environ.get("HOME", "/")}
    subprocess.run([*disk.command, "/bin/sh", "-ec", deed], env=home, check=True, cwd="/")
    assert disk.touched()


async def test_a_whole_life_leaves_the_disk_as_it_was(disk: Overlaid, plugin_file: Path) -> None:
    shutil.copy(plugin_file, disk.shared)
    command = (*disk.command, str(disk.shared / plugin_file.name))
    async with mounted(command) as mount:
        socket = mount.host.plugin.socket
        folder = socket.parent.parent
        assert sorted(folder.rglob("*")) == [socket.parent, socket]
        await live(mount)
        assert list(folder.iterdir()) == []
    assert disk.touched() == []
    assert [path.name for path in disk.shared.iterdir()] == [plugin_file.name]
