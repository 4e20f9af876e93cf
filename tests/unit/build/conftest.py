"""A plugin of a dozen lines, built by the real build, that tells what it sees when it runs."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from scripts.bundle.executable.target import Unbuildable, target

ROOT = Path(__file__).resolve().parents[3]

WITNESS = """
import fcntl, importlib, json, os, sys
from google.protobuf.internal import api_implementation

NATIVE = ("_cffi_backend", "cryptography.hazmat.bindings._rust", "google._upb._message")

def seen(name):
    place = sys.modules[name].__file__
    descriptor = int(place.rpartition("/")[2])
    return {
        "file": place,
        "seals": fcntl.fcntl(descriptor, fcntl.F_GET_SEALS),
        "cloexec": bool(fcntl.fcntl(descriptor, fcntl.F_GETFD) & fcntl.FD_CLOEXEC),
    }

def main():
    import cryptography.x509, hpack
    if sys.argv[1:] == ["fail"]:
        raise RuntimeError("asked to fail")
    print(json.dumps({
        "protobuf": api_implementation.Type(),
        "native": {name: seen(name) for name in NATIVE},
        "modules": {n: getattr(m, "__file__", None) for n, m in sys.modules.items()},
        "path": sys.path,
        "user": os.getuid(),
        "environment": sorted(os.environ),
    }))
"""


class Built(NamedTuple):
    """A built file and ways to run it."""

    path: Path

    def run(
        self,
        *arguments: str,
        env: Mapping[str, str] = {},
        cwd: Path = Path("/"),
        user: int | None = None,
        within: Sequence[str] = (),
    ) -> subprocess.CompletedProcess[str]:
        """Run it with an empty environment, unless told otherwise."""
        return subprocess.run(
            [*within, self.path, *arguments],
            env=env,
            cwd=cwd,
            user=user,
            capture_output=True,
            text=True,
            timeout=60,
        )

    def witness(self, *arguments: str, **how: Any) -> dict[str, Any]:
        """Run it as `run` does and give what it saw."""
        ran = self.run(*arguments, **how)
        assert ran.returncode == 0, ran.stderr
        assert ran.stderr == ""
        seen: dict[str, Any] = json.loads(ran.stdout)
        return seen


def build(
    engine: Path,
    output: Path,
    *options: str,
    root: Path = ROOT,
    form: str = "zip",
    umask: int = 0o022,
    **environment: Any,
) -> subprocess.CompletedProcess[str]:
    """Run the command line of the build at `root` for `engine`."""
    command = [sys.executable, "-m", "scripts.bundle", "--form", form]
    return subprocess.run(
        [*command, "--engine", engine, "--output", output, *options],
        cwd=root,
        env=os.environ | environment,
        umask=umask,
        capture_output=True,
        text=True,
        timeout=100 if form == "zip" else 800,  # that of all which is to be compiled
    )


@pytest.fixture(scope="session")
def open_folder() -> Iterator[Path]:
    """A folder every user may enter; pytest's own are for one user alone."""
    folder = Path(tempfile.mkdtemp(prefix="build"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def engine(open_folder: Path) -> Path:
    """The witness's package."""
    package = open_folder / "checkout/witness"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text('VERSION = "1.2.3"\n')
    (package / "__main__.py").write_text(WITNESS)
    return package


@pytest.fixture(scope="session")
def built(open_folder: Path, engine: Path) -> Built:
    """The witness, built for the default interpreter, in a path with a blank."""
    path = open_folder / "plug ins" / "witness"
    result = build(engine, path)
    assert result.returncode == 0, result.stderr
    return Built(path)


@pytest.fixture(scope="session")
def asker(open_folder: Path) -> Built:
    """The engine that looks up names and dials, built as an executable."""
    try:
        target()
    except Unbuildable as lack:
        pytest.skip(str(lack))
    path = open_folder / "asker"
    result = build(Path(__file__).parent / "asker", path, form="executable")
    assert result.returncode == 0, result.stderr
    return Built(path)
