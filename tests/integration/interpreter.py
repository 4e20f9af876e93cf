"""The Python that the built plugin runs on."""

from __future__ import annotations

import subprocess
from pathlib import Path


def interpreter(plugin_file: Path) -> Path:
    """The one that the file's first line names."""
    with plugin_file.open("rb") as file:
        first_line = file.readline().decode()
    return Path(first_line.removeprefix("#!").split()[0])


def standard_library(python: Path) -> Path:
    """The folder of its standard library."""
    asked = "import sysconfig; print(sysconfig.get_path('stdlib'))"
    told = subprocess.run([python, "-ISB", "-c", asked], capture_output=True, text=True, check=True)
    return Path(told.stdout.strip())
