"""The built plugin, real engine and all, needs its file to start and never again.

Nor the interpreter's own: a server lives for months, and its Python is upgraded under it.
"""

from pathlib import Path

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
