"""Environments that the client is installed into, as its users have them."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
from pathlib import Path

from scripts.distribution import build

ROOT = Path(__file__).resolve().parents[2]
LOCKS = Path(__file__).parent / "client_locks"
KEPT = ROOT / "build" / "client"  # for the next run: packages do not change, the wheel does
PURE = "python-pachyderm"  # it alone has no wheel, and is built with setuptools of its lock


def python(version: str) -> Path | None:
    """A Python of `version`, ``3.9``, on PATH or of pyenv; None where there is none."""
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    found = [shutil.which(f"python{version}")]
    found += sorted(map(str, pyenv.glob(f"versions/{version}.*/bin/python")))
    for one in filter(None, found):
        ask = [one, "-c", "import sys, venv; print('%d.%d' % sys.version_info[:2])"]
        told = subprocess.run(ask, capture_output=True, text=True, check=False)
        if told.stdout.strip() == version:
            return Path(one)
    return None


def environment(interpreter: Path, version: str, kind: str) -> Path:
    """The ``bin`` of an environment with the wheel of now and what the lock `kind` names."""
    lock = LOCKS / f"{kind}.lock"
    key = hashlib.sha256(lock.read_bytes()).hexdigest()[:12]
    folder = KEPT / f"{version}-{kind}-{key}"
    KEPT.mkdir(parents=True, exist_ok=True)
    with (KEPT / f"{folder.name}.lock").open("w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        ready = folder / "ready"
        if not ready.exists():
            shutil.rmtree(folder, ignore_errors=True)
            subprocess.run([str(interpreter), "-m", "venv", str(folder)], check=True)
            for source in ("--only-binary=:all:", f"--no-binary={PURE}"):
                hashed = ("--require-hashes", "--no-deps", "--no-build-isolation")
                _pip(folder, *hashed, source, "-r", _part(lock, source))
            ready.touch()
        wheel = next(file for file in build(folder / "dist") if file.suffix == ".whl")
        _pip(folder, "--no-deps", "--no-index", "--force-reinstall", wheel)
    return folder / "bin"


def _part(lock: Path, source: str) -> Path:
    """The lines of `lock` that are installed so."""
    pure = source.startswith("--no-binary")
    entries = lock.read_text().split("\n")
    kept, keep = [], True
    for line in entries:
        if line and line[0].isalpha():
            keep = line.startswith(PURE) == pure
        if keep and not line.startswith("#"):
            kept.append(line)
    part = KEPT / f"{lock.stem}-{'pure' if pure else 'wheels'}.txt"
    part.write_text("\n".join(kept) + "\n")
    return part


def _pip(folder: Path, *arguments: object) -> None:
    command = [folder / "bin" / "python", "-m", "pip", "install", "--quiet"]
    command += ["--disable-pip-version-check", "--no-input", *arguments]
    ran = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
