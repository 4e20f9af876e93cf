"""What a release's lock says of what is fetched."""

import hashlib
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from scripts.bundle.executable import recipe
from scripts.bundle.executable.archive import Archive, Lock
from scripts.bundle.executable.recipe import (
    ASKED_FOR,
    HEADERS,
    LINKED,
    LOCKS,
    TOOLS,
    lock_at_hand,
)
from scripts.bundle.executable.target import TRIPLETS, Unbuildable


def answer(monkeypatch: pytest.MonkeyPatch, code: int, said: str = "") -> None:
    """Have apt-get answer everything so, and fetch nothing."""
    monkeypatch.setattr(Archive, "_update", lambda _: None)
    monkeypatch.setattr(Archive, "_apt", lambda *_: CompletedProcess((), code, "", said))


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


def test_nor_is_there_anything_in_the_place_of_what_is_gone(
    only: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer(monkeypatch, 100, "E: Version '1.0-1' for 'one' was not found\n")
    (tmp_path / "fetched/amd64/files/one_1.0-1_amd64.deb").unlink()
    with pytest.raises(
        Unbuildable, match=r"cannot fetch one 1\.0-1, which the lock names: .* was not found"
    ):
        only.packages(["one"])


def test_nor_a_file_with_another_hash(
    only: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer(monkeypatch, 0)
    for name in ("one_1.0-1_amd64.deb", "one_1.0-1.dsc"):
        (tmp_path / "fetched/amd64/files" / name).write_text("something else")
    with pytest.raises(Unbuildable, match="the archive's one is not what the lock names"):
        only.packages(["one"])
    with pytest.raises(Unbuildable, match="the archive's source of one is not what the lock names"):
        only.source("one", "1.0-1")


def test_else_what_the_lock_does_not_name_is_taken_with_a_warning(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lock = tmp_path / "some.lock"
    lock.write_text(f"{'0' * 64}  one_1.0-1_amd64.deb\n")
    archive = Archive(tmp_path / "fetched", "amd64", Lock(lock))
    (tmp_path / "fetched/amd64/files/two_2.0_amd64.deb").touch()
    assert [one.version for one in archive.packages(["two=2.0"])] == ["2.0"]
    assert "the lock names no two for amd64: the archive's is taken" in capsys.readouterr().err


def test_a_release_without_a_lock_is_told_or_not_built(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(recipe, "LOCKS", tmp_path)
    assert lock_at_hand(only=False).sha256 == {}
    assert "has no lock" in capsys.readouterr().err
    with pytest.raises(Unbuildable, match="has no lock"):
        lock_at_hand(only=True)


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
    for package in (*LINKED, *HEADERS, *TOOLS, "libgcc-12-dev", "gcc-12-base"):
        assert lock.version(package, arch), package
    (source,) = (name for name in lock.sha256 if name.startswith("python3.11_") and ".dsc" in name)
    for package in ("libpython3.11-dev", "libpython3.11-stdlib", "python3.11-minimal"):
        assert f"python3.11_{lock.version(package, arch)}.dsc" == source, package
    assert all(lock.source(source) for source in ASKED_FOR.values())
