"""What a release's lock says of what is fetched."""

import hashlib
from pathlib import Path

import pytest

from scripts.bundle.executable.archive import Archive, Lock
from scripts.bundle.executable.recipe import ASKED_FOR, HEADERS, LINKED, LOCKS, TOOLS
from scripts.bundle.executable.target import TRIPLETS, Unbuildable


@pytest.fixture
def only(tmp_path: Path) -> Archive:
    """An archive of which nothing is taken but one version of one package, and its source."""
    lock = tmp_path / "some.lock"
    lines = ("one_1.0-1_amd64.deb", "one_1.0-1.dsc")
    lock.write_text("".join(f"{hashlib.sha256().hexdigest()}  {name}\n" for name in lines))
    archive = Archive(tmp_path / "fetched", "amd64", Lock(lock, only=True))
    for name in lines:
        (tmp_path / "fetched/amd64/files" / name).touch()
    return archive


def test_what_the_lock_names_is_taken(only: Archive) -> None:
    assert [one.version for one in only.packages(["one", "one=1.0-1"])] == ["1.0-1", "1.0-1"]
    assert [one.file.name for one in only.source("one", "1.0-1")] == ["one_1.0-1.dsc"]


@pytest.mark.parametrize(
    ("name", "words"),
    [("two", "names no two for amd64"), ("one=1.0-2", "names no one 1.0-2 for amd64")],
)
def test_where_only_the_lock_counts_nothing_else_is_fetched(
    only: Archive, name: str, words: str
) -> None:
    with pytest.raises(Unbuildable, match=words):
        only.packages([name])


def test_nor_another_version_of_a_source(only: Archive) -> None:
    with pytest.raises(Unbuildable, match=r"names no source of one 1\.0-2"):
        only.source("one", "1.0-2")


def test_a_lock_made_anew_names_nothing_yet(tmp_path: Path) -> None:
    lock = tmp_path / "some.lock"
    lock.write_text(f"{'0' * 64}  one_1.0-1_amd64.deb\n")
    assert Lock(lock).version("one", "amd64") == "1.0-1"
    assert Lock(lock, anew=True).version("one", "amd64") == ""


@pytest.mark.parametrize("arch", sorted(TRIPLETS))
def test_debians_lock_names_all_that_is_needed_for_every_cpu(arch: str) -> None:
    lock = Lock(LOCKS / "debian-12.lock")
    for package in (*LINKED, *HEADERS, *TOOLS):
        assert lock.version(package, arch), package
    assert all(lock.source(source) for source in ASKED_FOR.values())
