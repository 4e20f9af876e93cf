"""What becomes of a running plugin, real engine and all, whose file is written to.

A zip needs its file to start and never again, nor the interpreter's own: a server lives for months,
and its Python is upgraded under it. The executable's cannot be written to.
"""

import errno
import shutil
from pathlib import Path

import pytest

from tests.unit.build.conftest import ROOT, build
from tests.unit.process.mounted import mounted
from tests.unit.process.whole_life import live


async def test_a_replaced_file_does_not_break_a_running_plugin(tmp_path: Path) -> None:
    file = tmp_path / "plugin"
    made = build(ROOT / "vault_plugin", file)
    assert made.returncode == 0, made.stderr
    interpreter = file.read_bytes().partition(b"\n")[0].decode().removeprefix("#!").split()
    async with mounted((*interpreter, "-v", str(file))) as mount:  # -v tells every import
        imported = mount.imports
        assert any("vault_plugin" in line for line in imported)
        with file.open("r+b") as archive:  # as `cp` over it: the same inode
            archive.write(bytes(file.stat().st_size))
        await live(mount)
        assert mount.imports[len(imported) :] == []
        assert not mount.logged('"@level":"error"')


async def test_an_executable_that_runs_cannot_be_written_to(tmp_path: Path) -> None:
    built = ROOT / "dist" / "vault-plugin-secrets-pachyderm"
    if not built.exists() or built.read_bytes()[:4] != b"\x7fELF":
        pytest.skip("no executable was built: make build")
    file = tmp_path / "plugin"
    shutil.copy(built, file)
    async with mounted((str(file),)) as mount:
        with pytest.raises(OSError) as refused:
            file.open("r+b")
        assert refused.value.errno == errno.ETXTBSY
        await live(mount)
