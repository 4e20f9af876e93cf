"""Runs the suite at full size, some of its files side by side, then writes the report.

Most of a scenario's time is waiting: for a plugin to start, a leader to be elected, a rollback.
"""

from __future__ import annotations

import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.chaos import report
from tests.chaos.record import FIGURES
from tests.chaos.scenarios import Size

HERE = Path(__file__).parent
APART = {"test_soak.py"}  # make soak
ALONE = {"test_neighbours.py"}  # it measures: before the others, with the machine to itself
ABREAST = 3
# The longest first, so that none is left alone at the end.
FIRST = ("test_plugin_kills.py", "test_leader_losses.py")


def files() -> list[Path]:
    """What to run side by side, in order."""
    apart = APART | ALONE
    found = [file for file in sorted(HERE.glob("test_*.py")) if file.name not in apart]
    return sorted(found, key=lambda file: file.name not in FIRST)


def run(file: Path) -> bool:
    """Run one file, with what it says in a log of its own; gives whether all went well."""
    log = FIGURES / Size.FULL.value / f"{file.stem}.log"
    began = time.monotonic()
    command = [sys.executable, "-m", "pytest", "-q", "-s", f"--chaos={Size.FULL.value}", str(file)]
    with log.open("w") as output:
        code = subprocess.run(command, stdout=output, stderr=output, check=False).returncode
    minutes = (time.monotonic() - began) / 60
    print(
        f"{file.name}: {'well' if not code else f'FAILED, see {log}'}, {minutes:.1f} min",
        flush=True,
    )
    return not code


def main() -> None:
    folder = FIGURES / Size.FULL.value
    folder.mkdir(parents=True, exist_ok=True)
    well = [run(HERE / name) for name in sorted(ALONE)]
    with ThreadPoolExecutor(ABREAST) as pool:
        well += pool.map(run, files())
    if not all(well):
        raise SystemExit(1)
    report.main()


if __name__ == "__main__":
    main()
