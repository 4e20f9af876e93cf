"""The source of protobuf's module in C, from the package index, by the lock's hashes."""

import re
import shutil
import subprocess
import sys
import tarfile
import venv
from importlib.metadata import version
from pathlib import Path

from scripts.bundle.executable.target import Unbuildable


def protobuf(folder: Path, lock: Path) -> Path:
    """Protobuf's source, of the version that is installed here, unpacked below `folder`.

    Raises Unbuildable.
    """
    wanted = f"protobuf-{version('protobuf')}"
    tree = folder / wanted
    if not tree.exists():
        file = folder / f"{wanted}.tar.gz"
        if not file.exists():
            _download(folder, lock)
        unfinished = folder / "unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        with tarfile.open(file) as archive:
            archive.extractall(unfinished, filter="data")
        (unfinished / wanted).rename(tree)
    return tree


def _download(folder: Path, lock: Path) -> None:
    named = re.search(r"(?m)^protobuf==.*(\n +--hash.*)+", lock.read_text())
    if named is None:
        raise Unbuildable(f"{lock.name} does not name protobuf")
    folder.mkdir(parents=True, exist_ok=True)
    wanted = folder / "wanted.txt"
    wanted.write_text(named[0].rstrip(" \\") + "\n")
    # An environment of its own, since that of the project may have been made without pip.
    tools = folder / "pip"
    venv.create(tools, with_pip=True, clear=True)
    command = [str(tools / "bin/python"), "-m", "pip", "download", "--quiet", "--no-cache-dir"]
    options = ["--disable-pip-version-check", "--no-deps", "--no-binary", ":all:"]
    got = subprocess.run(
        [*command, *options, "--require-hashes", "-r", wanted, "--dest", folder],
        capture_output=True,
        text=True,
        check=False,
    )
    if got.returncode:
        print(got.stderr, file=sys.stderr)
        raise Unbuildable("the package index does not give protobuf's source")
