"""Root directories that are not this machine's: an empty one, one of musl and busybox."""

from __future__ import annotations

import fcntl
import shutil
from typing import TYPE_CHECKING

import pytest

from scripts.bundle.executable.archive import Archive, Lock, unpack
from scripts.bundle.executable.target import Unbuildable, target
from tests.integration.documents import ROOT

if TYPE_CHECKING:
    from pathlib import Path

#: Debian's; its busybox is linked with nothing
PACKAGES = ("musl", "busybox-static")
FETCHED = ROOT / "build" / "musl"
MUSL = "lib/ld-musl-*.so.1"


def needs_nothing(plugin: Path) -> None:
    """Skip the test where `plugin` needs more than itself."""
    if plugin.read_bytes()[:4] != b"\x7fELF":
        pytest.skip("the plugin is a zip, which needs its Python: test_zip.py")


def empty(root: Path) -> None:
    """Make `root`, with what every container has: /dev/null, /etc/hosts and a place for /proc."""
    for part in ("dev", "etc", "proc"):
        (root / part).mkdir(parents=True)
    (root / "dev/null").touch()
    (root / "etc/hosts").write_text("127.0.0.1 localhost\n")


def musl(root: Path) -> None:
    """As `empty`, with musl for its C library and busybox for its shell, as Alpine has them.

    Skips the test where the packages cannot be had. They are fetched once.
    """
    empty(root)
    FETCHED.mkdir(parents=True, exist_ok=True)
    unpacked = root / "unpacked"
    with (FETCHED / ".lock").open("w") as alone:
        fcntl.flock(alone, fcntl.LOCK_EX)
        try:
            lock = Lock(FETCHED / "packages.lock")
            packages = Archive(FETCHED, target().arch, lock).packages(PACKAGES)
        except Unbuildable as reason:
            pytest.skip(f"no root of musl: {reason}")
        lock.write(packages)
    unpack(packages, unpacked)
    shutil.copytree(unpacked, root, symlinks=True, dirs_exist_ok=True)
    shutil.rmtree(unpacked)
    (root / "bin").mkdir(exist_ok=True)
    [busybox] = root.glob("**/bin/busybox")
    (root / "bin/sh").symlink_to(f"/{busybox.relative_to(root)}")
