"""The executable for the CPU that this machine has not, run by an emulator of it."""

import shutil
from pathlib import Path

import pytest

from scripts.bundle.executable.target import TRIPLETS, Unbuildable, cpu, machine, target
from tests.unit.build.conftest import ROOT, build
from tests.unit.process.mounted import mounted
from tests.unit.process.whole_life import live

EMULATORS = {"arm64": "qemu-aarch64-static", "amd64": "qemu-x86_64-static"}
OTHER = next(arch for arch in TRIPLETS if arch != machine())

pytestmark = pytest.mark.timeout(900)  # the first build fetches and compiles everything


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    try:
        target(OTHER)
    except Unbuildable as lack:
        pytest.skip(str(lack))
    built = tmp_path_factory.mktemp("other") / "plugin"
    result = build(ROOT / "vault_plugin", built, "--arch", OTHER, form="executable")
    assert result.returncode == 0, result.stderr
    return built


def test_it_is_of_that_cpu(file: Path) -> None:
    assert cpu(file) == OTHER


async def test_it_lives_its_whole_life(file: Path) -> None:
    emulator = shutil.which(EMULATORS[OTHER])
    if emulator is None:
        pytest.skip(f"no {EMULATORS[OTHER]} on PATH")
    async with mounted([emulator, str(file)]) as mount:
        await live(mount)
