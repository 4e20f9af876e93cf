"""The image by the letter of the specification, of files that have but an executable's head."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import subprocess
import sys
import tarfile
from typing import TYPE_CHECKING, Any

import pytest

from scripts.image import ENGINE, NAME, NoImage, image

if TYPE_CHECKING:
    from pathlib import Path

KIND = "application/vnd.oci.image"
LABEL = "org.opencontainers.image"
MACHINES = {"amd64": 62, "arm64": 183, "riscv64": 243}  # e_machine of elf(5)


def executable(folder: Path, arch: str) -> Path:
    file = folder / arch
    file.write_bytes(b"\x7fELF".ljust(18, b"\0") + MACHINES[arch].to_bytes(2, "little") + b"code")
    return file


class Layout:
    """What a tar holds, each blob checked when it is asked for."""

    def __init__(self, content: bytes) -> None:
        with tarfile.open(fileobj=io.BytesIO(content)) as tar:
            members = tar.getmembers()
            assert {(m.uid, m.gid, m.mtime, m.mode) for m in members} == {(0, 0, 0, 0o644)}
            self.files = {m.name: _read(tar, m) for m in members}
        assert list(self.files) == sorted(self.files)
        assert json.loads(self.files["oci-layout"]) == {"imageLayoutVersion": "1.0.0"}

    def blob(self, descriptor: dict[str, Any], kind: str) -> bytes:
        assert descriptor["mediaType"] == f"{KIND}.{kind}"
        algorithm, _, digest = descriptor["digest"].partition(":")
        content = self.files[f"blobs/{algorithm}/{digest}"]
        assert (hashlib.sha256(content).hexdigest(), len(content)) == (digest, descriptor["size"])
        return content

    def document(self, descriptor: dict[str, Any], kind: str) -> Any:
        return json.loads(self.blob(descriptor, kind))

    @property
    def entry(self) -> dict[str, Any]:
        """The one entry of its index."""
        outer = json.loads(self.files["index.json"])
        assert (outer["schemaVersion"], outer["mediaType"]) == (2, f"{KIND}.index.v1+json")
        found: dict[str, Any]
        (found,) = outer["manifests"]
        return found


def _read(tar: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    file = tar.extractfile(member)
    assert file is not None
    return file.read()


def test_it_holds_each_file_and_nothing_else(tmp_path: Path) -> None:
    files = [executable(tmp_path, arch) for arch in ("arm64", "amd64")]
    layout = Layout(image(files, "1.2.3"))
    index = layout.document(layout.entry, "index.v1+json")
    platforms = [described["platform"] for described in index["manifests"]]
    assert platforms == [{"architecture": a, "os": "linux"} for a in ("amd64", "arm64")]
    for described in index["manifests"]:
        arch = described["platform"]["architecture"]
        manifest = layout.document(described, "manifest.v1+json")
        assert manifest["schemaVersion"] == 2
        config = layout.document(manifest["config"], "config.v1+json")
        assert (config["architecture"], config["os"]) == (arch, "linux")
        assert "created" not in config
        assert config["config"]["User"] == "65534:65534"
        assert config["config"]["Entrypoint"] == [f"/{NAME}"]
        told = config["config"]["Labels"]
        assert told == manifest["annotations"] == index["annotations"]
        assert (told[f"{LABEL}.title"], told[f"{LABEL}.version"]) == (NAME, "1.2.3")
        assert told[f"{LABEL}.licenses"] == "Apache-2.0"
        assert "--licenses" in told[f"{LABEL}.description"]
        (layer,) = manifest["layers"]
        content = gzip.decompress(layout.blob(layer, "layer.v1.tar+gzip"))
        assert config["rootfs"]["diff_ids"] == [f"sha256:{hashlib.sha256(content).hexdigest()}"]
        with tarfile.open(fileobj=io.BytesIO(content)) as tar:
            (member,) = tar.getmembers()
            assert member.isreg()
            assert (member.name, member.mode) == (NAME, 0o755)
            assert (member.uid, member.gid, member.mtime) == (0, 0, 0)
            assert _read(tar, member) == (tmp_path / arch).read_bytes()


def test_the_same_files_give_the_same_image_wherever_they_are(tmp_path: Path) -> None:
    here = [executable(tmp_path, arch) for arch in ("amd64", "arm64")]
    there = tmp_path / "there"
    there.mkdir()
    moved = [executable(there, arch) for arch in ("arm64", "amd64")]
    assert image(here, "1.2.3") == image(moved, "1.2.3")


@pytest.mark.parametrize(
    ("arches", "tags"),
    [(["amd64"], [""]), (["amd64", "arm64"], ["-amd64", "-arm64"])],
    ids=["one CPU", "two"],
)
def test_who_loads_it_finds_a_name(tmp_path: Path, arches: list[str], tags: list[str]) -> None:
    layout = Layout(image([executable(tmp_path, arch) for arch in arches], "1.2.3"))
    name = f"localhost/{NAME}:v1.2.3"
    assert layout.entry["annotations"] == {
        f"{LABEL}.ref.name": "v1.2.3",  # the tag that OpenBao asks a registry for
        "io.containerd.image.name": name,
    }
    entries = json.loads(layout.files["manifest.json"])
    assert [entry["RepoTags"] for entry in entries] == [[f"{name}{tag}"] for tag in tags]
    for entry, arch in zip(entries, arches, strict=True):
        config = json.loads(layout.files[entry["Config"]])
        assert config["architecture"] == arch
        (layer,) = entry["Layers"]
        content = gzip.decompress(layout.files[layer])
        assert config["rootfs"]["diff_ids"] == [f"sha256:{hashlib.sha256(content).hexdigest()}"]


def test_what_is_no_executable_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "zip"
    file.write_bytes(b"#!/usr/bin/python3\nPK")
    with pytest.raises(NoImage, match=r"zip is no executable: .* make build FORM=executable"):
        image([file], "1.2.3")


def test_a_cpu_that_nothing_is_built_for_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NoImage, match="is for CPU 243"):
        image([executable(tmp_path, "riscv64")], "1.2.3")


def test_two_files_for_one_cpu_are_refused(tmp_path: Path) -> None:
    file = executable(tmp_path, "amd64")
    with pytest.raises(NoImage, match="a second executable for amd64"):
        image([file, file], "1.2.3")


def written(output: Path, file: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "scripts.image", "--output", str(output), str(file)]
    return subprocess.run(command, capture_output=True, text=True)


def test_the_command_writes_it_and_says_what(tmp_path: Path) -> None:
    file, output = executable(tmp_path, "amd64"), tmp_path / "image.oci.tar"
    ran = written(output, file)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert output.read_bytes() == image([file], ENGINE.version)
    assert hashlib.sha256(output.read_bytes()).hexdigest() in ran.stdout


@pytest.mark.parametrize("name", ["script", "missing"])
def test_the_command_refuses_in_one_line(tmp_path: Path, name: str) -> None:
    (tmp_path / "script").write_text("#!/bin/sh\n")
    ran = written(tmp_path / "image.oci.tar", tmp_path / name)
    assert (ran.returncode, ran.stdout) == (1, "")
    assert ran.stderr.startswith("image: ")
    assert ran.stderr.count("\n") == 1
    assert name in ran.stderr
    assert not (tmp_path / "image.oci.tar").exists()
