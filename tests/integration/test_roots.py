"""The built plugin lives its whole life in every root there is: where nothing but itself is, no
library and no shell, and where the C library is another; OpenBao itself inside of that.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import IO, TYPE_CHECKING, NamedTuple

import pytest

from tests.integration import roots
from tests.integration.mount import PLUGIN, Mount
from tests.integration.openbao import Process, VaultServer
from tests.unit.process.mounted import mounted
from tests.unit.process.namespaces import network_of, own_root
from tests.unit.process.whole_life import live

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.integration.conftest import StartServer
    from tests.pachd import PachdV1, PachdV2, Simulator

ROOTS = {"empty": roots.empty, "musl": roots.musl}


class Machine(NamedTuple):
    """A machine with the plugin on it; `command` runs a program there."""

    root: Path
    plugin: Path
    command: list[str]

    def run(self, *command: str | Path) -> subprocess.CompletedProcess[str]:
        """Run a program there, with nothing in its environment."""
        whole = [*self.command, *command]
        return subprocess.run(whole, env={}, capture_output=True, text=True, check=False)


def files_mapped(process: int) -> set[str]:
    """The names of the files that a process has in its memory."""
    mapped = Path(f"/proc/{process}/maps").read_text().splitlines()
    return {Path(line.split()[5]).name for line in mapped if "/" in line}


@pytest.fixture(params=ROOTS)
def machine(
    request: pytest.FixtureRequest, plugin_file: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Machine]:
    roots.needs_nothing(plugin_file)
    with tempfile.TemporaryDirectory(prefix="er") as folder:
        root, shared = Path(folder, "root"), Path(folder, "shared")
        ROOTS[request.param](root)
        shared.mkdir()
        monkeypatch.setattr(tempfile, "tempdir", str(shared))
        plugin = shared / plugin_file.name
        shutil.copy(plugin_file, plugin)
        yield Machine(root, plugin, own_root(null(root), root, shared, "--net"))


def null(root: Path) -> str:
    """The command that gives `root` its /dev/null."""
    return f"mount --bind /dev/null {root}/dev/null"


def test_by_hand_it_says_what_it_is(machine: Machine) -> None:
    ran = machine.run(machine.plugin)
    assert ran.returncode == 1
    assert "vault plugin register" in ran.stderr


async def test_it_lives_its_whole_life_there(machine: Machine) -> None:
    if os.getuid() != 0:
        pytest.skip("only root may put a pachd into the network of another process")
    async with mounted((*machine.command, str(machine.plugin))) as mount:
        process = mount.host.plugin.process.pid
        assert files_mapped(process) == {machine.plugin.name}
        with network_of(process):
            await live(mount)
    assert not mount.logged('"@level":"error"')


@pytest.mark.parametrize("machine", ["musl"], indirect=True)
def test_a_program_of_this_machine_does_not_start_where_the_library_is_another(
    machine: Machine,
) -> None:
    [library] = machine.root.glob(roots.MUSL)
    assert "musl libc" in machine.run(f"/{library.relative_to(machine.root)}").stderr
    foreign = machine.plugin.with_name("true")
    shutil.copy(shutil.which("true") or "", foreign)
    shell = ("/bin/sh", "-c", '"$0" --version')
    assert "not found" in machine.run(*shell, foreign).stderr
    ran = machine.run(*shell, machine.plugin)
    assert ran.stdout.startswith(f"{PLUGIN} ")


class InMusl(VaultServer):
    """A dev server, and so its plugins, in a root of musl; the network is this machine's."""

    def launch(self, arguments: list[str], output: IO[bytes]) -> Process:
        """Start the binary inside."""
        root = self.directory / "root"
        roots.musl(root)
        inside = root / "bin/server"
        inside.touch()
        script = f"{null(root)}\nmount --bind {self.binary} {inside}"
        return subprocess.Popen(
            [*own_root(script, root, self.directory), "/bin/server", *arguments],
            stdout=output,
            stderr=output,
            stdin=subprocess.DEVNULL,
            env=self.environment(),
            start_new_session=True,
        )


def test_a_server_in_a_root_of_musl_mounts_it(
    another: StartServer, plugin_file: Path, pachd: Simulator[PachdV1 | PachdV2]
) -> None:
    roots.needs_nothing(plugin_file)
    server = another(InMusl, bare=True)
    server.register(PLUGIN, plugin_file)
    with Mount(server, "pachyderm", pachd) as mount:
        mount.configure()
        login = mount.login()
        assert mount.who_am_i(login.token) == "robot:test"
        (plugin,) = server.plugin_pids(PLUGIN)
        for process in (server.pid, plugin):
            root = Path(f"/proc/{process}/root")
            assert (root / "bin/sh").resolve() != Path("/bin/sh").resolve()
            assert root.readlink() == server.directory / "root"
        assert mount.renew(login, increment=60) == 60
        mount.revoke(login)
        assert not mount.alive(login)
