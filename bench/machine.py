"""The machine and the versions a run was made with."""

from __future__ import annotations

import os
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from tests.integration.openbao import openbao

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_OPENSSL = "import platform, ssl; print(platform.python_version(), ssl.OPENSSL_VERSION, sep='; ')"


def described(plugin: Path, modules: Path) -> Iterator[tuple[str, str]]:
    """Names and values; `plugin` is our built file, `modules` the bench's ``go.mod``."""
    with plugin.open("rb") as file:
        interpreter = file.readline().removeprefix(b"#!").split()[0].decode()
    yield "machine", f"{_processor()}, {os.cpu_count()} cores, {_memory()} GB"
    yield "system", f"Linux {platform.release()}"
    yield "server", _said([str(openbao()), "version"])
    yield "Go", _said(["go", "env", "GOVERSION"])
    yield "Go modules", ", ".join(_required(modules))
    yield "the plugin's Python", _said([interpreter, "-c", _OPENSSL])
    yield "in the plugin", ", ".join(f"{n} {version(n)}" for n in ("protobuf", "hpack"))
    yield "in the simulator", f"grpcio {version('grpcio')}"


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
