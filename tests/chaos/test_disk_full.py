"""The server's disk is full in the midst of a load, and has room again.

The storage is a small file system in memory, so this needs the right to mount one. OpenBao's
raft gives up being the leader when it cannot write, and takes over again by itself.
"""

from __future__ import annotations

import subprocess
import time
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from tests.chaos.load import Load
from tests.chaos.reckoning import reckon
from tests.chaos.stage import stage
from tests.integration.kept_server import KeptServer

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.chaos.conftest import Chaos

SIZE = "64m"
CHUNK = 4096  # bytes, a page of the file system
ANSWERS = 30  # between two fillings
REFUSALS = 10  # while the disk is full

pytestmark = pytest.mark.timeout(1800)


class SmallDisk(KeptServer):
    """Whose storage is a file system of `SIZE`."""

    def __exit__(self, *end: object) -> None:
        try:
            super().__exit__(*end)
        finally:
            subprocess.run(["umount", "-l", str(self.data)], check=True)

    def start(self) -> None:
        """As any, but on a disk of its own. Skips the test where none can be mounted."""
        self.data.mkdir(exist_ok=True)
        command = ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(self.data)]
        mounted = subprocess.run(command, capture_output=True, text=True, check=False)
        if mounted.returncode:
            self.data.rmdir()
            pytest.skip(f"no small disk to be had: {mounted.stderr.strip()}")
        super().start()

    def fill(self) -> None:
        """Leave no byte of it free."""
        with (self.data / "filler").open("wb", buffering=0) as filler, suppress(OSError):
            while True:
                filler.write(bytes(CHUNK))

    def clear(self) -> None:
        """Free what was filled."""
        (self.data / "filler").unlink()


def test_refused_while_full_and_well_again_by_itself(
    chaos: Callable[[str], Chaos], plugin_file: Path
) -> None:
    run, fillings = chaos("disk-full"), []
    with stage(plugin_file, SmallDisk, crash_safe=True) as on:
        disk = on.server
        assert isinstance(disk, SmallDisk)
        pid = disk.pid
        with Load(on.ways, run.seed) as load:
            for _ in range(run.trials):
                load.go_on(ANSWERS)
                time.sleep(run.random.random())
                fillings.append(time.time())
                disk.fill()
                load.be_refused(REFUSALS)
                disk.clear()
            load.go_on(ANSWERS)
        assert disk.pid == pid
        record = reckon(run, on, load, fillings)
        assert "no space left on device" in disk.log_path.read_text()
    for refusal in load.tally.refused:
        _, _, words = refusal.partition(" ")
        assert words.strip(), "every refusal says why"
    assert not record.losses
