"""Which form a build takes, and what it says where it cannot."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from scripts.bundle.executable.archive import Lock, named, sources
from tests.unit.build.conftest import ROOT


def build(
    engine: Path, output: Path, *options: str, path: Path
) -> subprocess.CompletedProcess[str]:
    """Run the build where `path` holds all commands there are."""
    command = [sys.executable, "-m", "scripts.bundle", *options]
    cache = output.parent / "cache"
    return subprocess.run(
        [*command, "--engine", engine, "--output", output, "--cache", cache],
        cwd=ROOT,
        env={"PATH": str(path)},
        capture_output=True,
        text=True,
        timeout=100,
    )


def test_without_apt_it_is_a_zip_and_says_so(engine: Path, tmp_path: Path) -> None:
    done = build(engine, tmp_path / "witness", path=tmp_path)
    assert done.returncode == 0
    assert "WARNING: no apt-get" in done.stderr
    assert "WARNING: this is a zip" in done.stderr
    assert (tmp_path / "witness").read_bytes()[:2] == b"#!"


@pytest.mark.parametrize("options", [("--form", "executable"), ("--arch", "arm64")])
def test_an_executable_that_was_asked_for_is_not_replaced(
    engine: Path, tmp_path: Path, options: tuple[str, ...]
) -> None:
    done = build(engine, tmp_path / "witness", *options, path=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("build: no apt-get")
    assert not (tmp_path / "witness").exists()


def test_a_missing_compiler_is_named(engine: Path, tmp_path: Path) -> None:
    for command in ("apt-get", "dpkg-deb", "dpkg"):
        (tmp_path / command).symlink_to(f"/usr/bin/{command}")
    if not (tmp_path / "dpkg").exists():
        pytest.skip("no dpkg here")
    native = build(engine, tmp_path / "witness", path=tmp_path)
    assert "WARNING: no C compiler gcc: install gcc" in native.stderr
    cross = build(engine, tmp_path / "other", "--arch", "arm64", path=tmp_path)
    assert "no C compiler aarch64-linux-gnu-gcc: install gcc-aarch64-linux-gnu" in cross.stderr
    strange = build(engine, tmp_path / "other", "--arch", "vax", path=tmp_path)
    assert "no recipe for vax" in strange.stderr


def test_a_zip_is_of_no_other_cpu(engine: Path, tmp_path: Path) -> None:
    done = build(engine, tmp_path / "witness", "--form", "zip", "--arch", "arm64", path=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert "leave out ARCH" in done.stderr


@pytest.mark.parametrize("target", ["test", "demo", "demo-up", "bench", "chaos", "soak"])
def test_a_file_for_another_cpu_is_not_built_to_be_run(target: str) -> None:
    environment = {name: os.environ[name] for name in os.environ if not name.startswith("MAKE")}
    command = ["make", target, "ARCH=vax"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("make: a file for vax cannot run on this machine: without ARCH")


def test_a_file_names_its_package() -> None:
    assert named("zlib1g-dev_1%3a1.2.13.dfsg-1_amd64.deb") == (
        "zlib1g-dev",
        "1:1.2.13.dfsg-1",
        "amd64",
    )
    assert named("python3.11_3.11.2.orig.tar.gz")[0] == "python3.11"


def test_the_releases_own_sources_are_asked_and_no_others(tmp_path: Path) -> None:
    below = tmp_path / "sources.list.d"
    below.mkdir()
    (tmp_path / "sources.list").write_text(
        "deb [signed-by=/k] mirror/debian bookworm main\ndeb other/apt cloud-sdk main\n# deb x\n"
    )
    (below / "debian.sources").write_text(
        "Types: deb\nURIs: mirror/debian\nSuites: bookworm bookworm-updates\n\n"
        "Types: deb\nURIs: other/node\nSuites: nodistro\n"
    )
    (below / "other.list").write_text("deb other/docker jammy stable\n")
    found = dict(sources("bookworm", tmp_path))
    assert found == {
        "sources.list": "deb [signed-by=/k] mirror/debian bookworm main\n"
        "deb-src [signed-by=/k] mirror/debian bookworm main\n",
        "debian.sources": "Types: deb deb-src\nURIs: mirror/debian\n"
        "Suites: bookworm bookworm-updates\n\n",
    }


@pytest.mark.parametrize("lock", sorted((ROOT / "scripts/bundle/executable/locks").iterdir()))
def test_a_releases_lock_names_files_by_hash_and_no_place(lock: Path) -> None:
    assert "://" not in lock.read_text()
    read = Lock(lock)
    assert {len(digest) for digest in read.sha256.values()} == {64}
    assert read.version("libssl-dev", "amd64")
    assert any(name.endswith(".dsc") for name in read.sha256)
