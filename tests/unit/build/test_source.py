"""What is taken of a release, and how its source package becomes a tree."""

import hashlib
import io
import os
import tarfile
from collections.abc import Iterable
from pathlib import Path
from typing import cast

import pytest

from scripts.bundle.executable.archive import Archive, Lock, Package, reason
from scripts.bundle.executable.recipe import linked, patched
from scripts.bundle.executable.target import Unbuildable


def packed(file: Path, files: dict[str, str]) -> None:
    with tarfile.open(file, "w:gz") as archive:
        for name, text in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(text)
            archive.addfile(entry, io.BytesIO(text.encode()))


def test_a_source_may_come_with_its_makers_signature(tmp_path: Path) -> None:
    """As Python 3.13's of Debian 13 does."""
    original, debian = tmp_path / "py_1.orig.tar.gz", tmp_path / "py_1-1.debian.tar.gz"
    packed(original, {"py-1/main.c": "int main;"})
    packed(debian, {"debian/patches/series": "# none\n"})
    signature = tmp_path / f"{original.name}.asc"
    signature.write_text("-----BEGIN PGP SIGNATURE-----\n")
    description = tmp_path / "py_1-1.dsc"
    description.touch()
    packages = [
        Package("py", "1-1", file, hashlib.sha256(file.read_bytes()).hexdigest())
        for file in (debian, description, original, signature)
    ]
    patched(packages, tmp_path / "tree", tmp_path / "patch")
    assert (tmp_path / "tree/py-1/main.c").read_text() == "int main;"


class Shelf:
    """Has every package, of one version."""

    def __init__(self, version: str) -> None:
        self._version = version

    def packages(self, names: Iterable[str]) -> list[Package]:
        return [Package(name, self._version, Path(name), "") for name in names]


@pytest.mark.parametrize(
    ("openssl", "wanted"),
    [("3.0.22-1~deb12u2", False), ("3.5.9-1~deb13u1", True), ("1:4.0.0-1", True)],
)
def test_an_openssl_that_compresses_by_zstd_has_it(openssl: str, wanted: bool) -> None:
    packages = linked(cast("Archive", Shelf(openssl)), "3.13", "3.13.5-2", "14")
    assert ("libzstd-dev" in {package.package for package in packages}) == wanted


def test_what_apt_read_is_kept_from_one_question_to_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for command in ("apt-get", "apt-cache"):
        says_its_arguments = tmp_path / command
        says_its_arguments.write_text('#!/bin/sh\necho "$@"\n')
        says_its_arguments.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    archive = Archive(tmp_path, "amd64", Lock(tmp_path / "none.lock"))
    try:
        asked = archive.about("zlib1g-dev")
    except Unbuildable as lack:
        pytest.skip(str(lack))
    assert "-o Dir::Cache::pkgcache=pkgcache.bin" in asked


def test_the_cause_is_told_and_not_the_place() -> None:
    said = (
        "Err:1 http://mirror/debian trixie/main glibc 2.41 (dsc)\n"
        "E: Failed to fetch http://mirror/debian/glibc_2.41.dsc  404  Not Found [IP: 10.1.2.3 80]\n"
        "E: Failed to fetch some archives.\n"
    )
    assert reason(said) == "Failed to fetch glibc_2.41.dsc  404  Not Found"
    assert reason("W: nothing") == "no reason given"
