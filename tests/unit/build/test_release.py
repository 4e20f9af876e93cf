"""What a release is made of, and of which tree it is none."""

from __future__ import annotations

import hashlib
import subprocess
import tarfile
from typing import TYPE_CHECKING

import pytest

from scripts import release
from scripts.image import NAME
from scripts.release import Unreleasable

if TYPE_CHECKING:
    from pathlib import Path

_CHANGES = "# Changelog\n\n## [Unreleased]\n\n## [1.2.0] - 2020-01-02\n"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A repository with one commit."""
    root = tmp_path / "tree"
    root.mkdir()
    (root / "CHANGELOG.md").write_text(_CHANGES)
    git(root, "init", "--quiet")
    git(root, "add", ".")
    git(root, "commit", "--quiet", "-m", "Begin")
    return root


def git(root: Path, *arguments: str) -> None:
    who = ("-c", "user.name=A", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false")
    subprocess.run(["git", *who, *arguments], cwd=root, check=True)


def test_a_commit_with_its_section_can_be_released(tree: Path) -> None:
    release.check("1.2.0", tree)


def test_a_version_that_the_changelog_does_not_tell_of_cannot(tree: Path) -> None:
    with pytest.raises(Unreleasable, match=r"CHANGELOG.md has no section of 1\.3\.0"):
        release.check("1.3.0", tree)


@pytest.mark.parametrize("name", ["CHANGELOG.md", "new.py"], ids=["changed", "not known to git"])
def test_what_no_commit_has_is_named(tree: Path, name: str) -> None:
    (tree / name).write_text(f"{_CHANGES}\n")
    with pytest.raises(Unreleasable, match=f"commit or remove it first:\n.* {name}"):
        release.check("1.2.0", tree)


def test_the_sources_are_the_commits_and_what_licences_ask_for(tree: Path, tmp_path: Path) -> None:
    package = tmp_path / "glibc_2.36.orig.tar.xz"
    package.write_bytes(b"xz")
    written = []
    for name in ("one.tar", "two.tar"):
        release.sources(tmp_path / name, "1.2.0", [package], tree)
        written.append((tmp_path / name).read_bytes())
    assert written[0] == written[1]
    with tarfile.open(tmp_path / "one.tar") as outer:
        assert outer.getnames() == [package.name, f"{NAME}-1.2.0.tar"]
        with tarfile.open(fileobj=outer.extractfile(f"{NAME}-1.2.0.tar")) as inner:
            text = inner.extractfile(f"{NAME}-1.2.0/CHANGELOG.md")
            assert text is not None
            assert text.read().decode() == _CHANGES


def test_the_sums_are_those_that_sha256sum_checks(tmp_path: Path) -> None:
    for name in ("b", "a"):
        (tmp_path / name).write_text(name)
    said = release.sums(tmp_path)
    assert said.splitlines()[0] == f"{hashlib.sha256(b'a').hexdigest()}  a"
    subprocess.run(
        ["sha256sum", "--check", "--strict"], cwd=tmp_path, input=said, text=True, check=True
    )
