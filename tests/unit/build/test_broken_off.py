"""A build that was broken off leaves nothing that the next one takes for whole."""

import tarfile
from importlib.metadata import version
from pathlib import Path

import pytest

from scripts.bundle.executable.sdist import protobuf

NAME = f"protobuf-{version('protobuf')}"


def test_a_source_half_unpacked_is_unpacked_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packed = tmp_path / "packed" / NAME
    packed.mkdir(parents=True)
    for name in ("one.c", "two.c"):
        (packed / name).write_text(name)
    folder = tmp_path / "sdist"
    folder.mkdir()
    with tarfile.open(folder / f"{NAME}.tar.gz", "w:gz") as archive:
        archive.add(packed, NAME)
    whole = tarfile.TarFile.extractall

    def broken_off(archive: tarfile.TarFile, path: Path, filter: str) -> None:  # noqa: A002
        archive.extract(f"{NAME}/one.c", path, filter="data")
        raise KeyboardInterrupt

    monkeypatch.setattr(tarfile.TarFile, "extractall", broken_off)
    with pytest.raises(KeyboardInterrupt):
        protobuf(folder, tmp_path / "no.lock")
    monkeypatch.setattr(tarfile.TarFile, "extractall", whole)
    tree = protobuf(folder, tmp_path / "no.lock")
    assert sorted(file.name for file in tree.iterdir()) == ["one.c", "two.c"]
