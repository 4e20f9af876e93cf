"""The machine, its speed, and the versions a run was made with."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import time
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

PACE = "a loop of a million additions"
_PYTHON = "import platform; print(platform.python_version())"


def pace() -> float:
    """The seconds of CPU that a fixed loop takes this interpreter, to know the machine by."""
    begun = time.process_time()
    total = 0
    for number in range(1_000_000):
        total += number
    return time.process_time() - begun


def described(plugin: Path, modules: Path) -> Iterator[tuple[str, str]]:
    """Names and values; `plugin` is our built file, `modules` the bench's ``go.mod``.

    What is in the plugin is told by the bill of materials that was built with it.
    """
    yield "machine", f"{_processor()}, {os.cpu_count()} cores, {_memory()} GB"
    yield "system", f"Linux {platform.release()}"
    yield "Python of the bench", platform.python_version()
    yield "Go", _said(["go", "env", "GOVERSION"])
    yield "Go modules", ", ".join(_required(modules))
    yield "the plugin", f"{_form(plugin)} of {plugin.stat().st_size / 1e6:.1f} MB"
    bill = json.loads(plugin.with_name(f"{plugin.name}.cdx.json").read_text())
    parts = (f"{part['name']} {part['version']}" for part in bill["components"])
    yield "in the plugin", ", ".join(parts)
    yield "in the simulator", f"grpcio {version('grpcio')}"


def _form(plugin: Path) -> str:
    with plugin.open("rb") as file:
        if file.read(2) != b"#!":
            return "an executable"
        interpreter = file.readline().split()[0].decode()
    return f"a zip, run by Python {_said([interpreter, '-c', _PYTHON])},"


def _said(command: Sequence[str]) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return value.strip()
    return platform.machine()


def _memory() -> int:
    return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9)


def _required(modules: Path) -> list[str]:
    """The modules that the bench itself asks for, with their versions."""
    wanted = (
        "github.com/hashicorp/vault/sdk",
        "google.golang.org/grpc",
        "google.golang.org/protobuf",
    )
    lines = (line.split() for line in modules.read_text().splitlines())
    return [f"{words[0]} {words[1]}" for words in lines if words and words[0] in wanted]
