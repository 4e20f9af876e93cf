"""Programs in Go, of ours and of others: built with nothing kept but in `.tools/`."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

TOOLS = Path(__file__).resolve().parents[1] / ".tools"

#: whether there is a Go on PATH
PRESENT = shutil.which("go") is not None


def build(module: Path, output: Path, *packages: str) -> Path:
    """Build `packages` of the module in a folder, its own root's where none is named; `output`.

    Raises CalledProcessError where Go refuses something; it has said why on stderr.
    """
    _run("build", "-o", str(output), *(packages or (".",)), cwd=module)
    return output


def test(module: Path, *packages: str) -> None:
    """Run the tests of `packages` of the module in a folder.

    Raises CalledProcessError where one fails; it has said why on stdout.
    """
    _run("test", *packages, cwd=module)


def install(package: str) -> Path:
    """Install another's program, named with its version, once; the file.

    Raises CalledProcessError as `build` does.
    """
    program = TOOLS / package.partition("@")[0].rpartition("/")[2]
    if not program.exists():
        TOOLS.mkdir(exist_ok=True)
        _run("install", package, cwd=TOOLS)
    return program


def _run(*arguments: str, cwd: Path) -> None:
    # One cache and the same flags for all: what they share is compiled once. Nothing of it is in
    # HOME, which may be empty or not to be written.
    environment = {
        **os.environ,
        "GOFLAGS": f"{os.environ.get('GOFLAGS', '')} -modcacherw -trimpath".strip(),
        "GOBIN": str(TOOLS),
        "GOPATH": str(TOOLS / "go"),
        "GOCACHE": str(TOOLS / "cache"),
        "XDG_CONFIG_HOME": str(TOOLS / "config"),
    }
    subprocess.run(["go", *arguments], check=True, cwd=cwd, env=environment)
