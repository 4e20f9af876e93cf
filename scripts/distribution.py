"""Builds the client's wheel and source distribution: ``python -m scripts.distribution``.

The same tree gives the same bytes. Uses the setuptools of this environment and no network.
"""

from __future__ import annotations

import argparse
import gzip
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "client"
EPOCH = "1577836800"  # where SOURCE_DATE_EPOCH names no other time for what is inside
LEFT_OUT = shutil.ignore_patterns("build", "*.egg-info", "__pycache__")
BUILD = "import sys; from setuptools import build_meta as b; print(getattr(b, sys.argv[1])('out'))"


def build(output: Path) -> list[Path]:
    """Write both to `output`; gives the files."""
    epoch = os.environ.get("SOURCE_DATE_EPOCH", EPOCH)
    output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder, "client")
        shutil.copytree(SOURCE, tree, ignore=LEFT_OUT)
        shutil.copy(ROOT / "LICENSE", tree)
        for file in tree.rglob("*"):
            file.chmod(0o755 if file.is_dir() else 0o644)  # whatever umask it was checked out with
        (tree / "out").mkdir()
        for kind in ("build_sdist", "build_wheel"):
            subprocess.run(
                [sys.executable, "-c", BUILD, kind],
                cwd=tree,
                env={**os.environ, "SOURCE_DATE_EPOCH": epoch},
                stdout=subprocess.DEVNULL,
                umask=0o022,  # setuptools copies once more, and modes are part of both archives
                check=True,
            )
        for made in (tree / "out").glob("*.tar.gz"):
            dated(made, int(epoch))
        return [Path(shutil.copy(made, output)) for made in sorted((tree / "out").iterdir())]


def dated(archive: Path, epoch: int) -> None:
    """Write a tar anew, in order, with one time for all that is inside."""
    with tarfile.open(archive) as old:
        members = sorted(old.getmembers(), key=lambda member: member.name)
        bodies = [old.extractfile(member) for member in members]
        with (
            tempfile.NamedTemporaryFile(dir=archive.parent, delete=False) as file,
            gzip.GzipFile("", "wb", mtime=epoch, fileobj=file) as packed,
            tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as new,
        ):
            for member, body in zip(members, bodies, strict=True):
                member.mtime, member.uid, member.gid = epoch, 0, 0
                member.uname = member.gname = ""
                member.pax_headers = {}
                new.addfile(member, body)
    Path(file.name).chmod(0o644)
    Path(file.name).replace(archive)


def main() -> None:
    """Build."""
    parser = argparse.ArgumentParser(prog="python -m scripts.distribution", description=__doc__)
    parser.add_argument("--output", type=Path, default=ROOT / "dist")
    for file in build(parser.parse_args().output):
        print(f"wrote {file}")


if __name__ == "__main__":
    main()
