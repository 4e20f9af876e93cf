"""``--install DIR``: the file puts itself beside other versions, also where one of them runs."""

import hashlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.integration.conftest import StartServer
from tests.integration.mount import PLUGIN, Mount, eventually
from tests.integration.openbao import VaultServer
from tests.integration.register import NEWER, ROOT, VERSION, file_name
from tests.pachd import PachdV2, Simulator

NOBODY = 65534


@pytest.fixture
def open_place() -> Iterator[Path]:
    """A folder every user may enter; pytest's own are for one user alone."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def install(file: Path, folder: Path, user: int | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [file, "--install", folder], env={}, capture_output=True, text=True, user=user
    )


def test_the_copy_is_whole_and_may_be_run_by_all(plugin_file: Path, tmp_path: Path) -> None:
    done = install(plugin_file, tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    (copy,) = tmp_path.iterdir()
    assert copy.name == file_name(VERSION)
    assert copy.read_bytes() == plugin_file.read_bytes()
    assert copy.stat().st_mode & 0o7777 == 0o755
    digest = hashlib.sha256(copy.read_bytes()).hexdigest()
    assert (
        f"-sha256={digest} -command={copy.name} -version={VERSION} secret {PLUGIN}" in done.stdout
    )
    again = install(copy, tmp_path)
    assert (again.returncode, again.stdout) == (0, done.stdout)


def test_another_file_of_the_same_version_is_left_alone(plugin_file: Path, tmp_path: Path) -> None:
    there = tmp_path / file_name(VERSION)
    there.write_text("other")
    done = install(plugin_file, tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert "another file of that version" in done.stderr
    assert there.read_text() == "other"
    assert list(tmp_path.iterdir()) == [there]


HALF_WAY = """
import os, signal, sys
from shim.process.install import install
sys.path[0] = sys.argv[1]
os.fsync = lambda descriptor: os.kill(os.getpid(), signal.SIGSTOP)
install(sys.argv[2], name=sys.argv[3], version=sys.argv[4])
"""


def waits_for_a_lock(process: int) -> bool:
    locks = Path("/proc/locks").read_text().splitlines()
    return any("->" in lock and f" {process} " in lock for lock in locks)


@pytest.mark.parametrize("then", [signal.SIGCONT, signal.SIGKILL])
def test_one_that_is_half_way_is_waited_for_and_a_killed_one_leaves_nothing(
    plugin_file: Path, tmp_path: Path, then: signal.Signals
) -> None:
    of_others = tmp_path / f".{PLUGIN}.new"
    of_others.touch()
    code = [sys.executable, "-c", HALF_WAY]
    with subprocess.Popen([*code, plugin_file, tmp_path, PLUGIN, VERSION], cwd=ROOT) as first:
        os.waitid(os.P_PID, first.pid, os.WSTOPPED)
        (unfinished,) = set(tmp_path.iterdir()) - {of_others}
        with subprocess.Popen([plugin_file, "--install", tmp_path], env={}) as second:
            eventually(lambda: waits_for_a_lock(second.pid))
            assert unfinished.exists()
            first.send_signal(then)
            assert second.wait() == 0
        assert first.wait() == (0 if then == signal.SIGCONT else -then)
    assert set(tmp_path.iterdir()) == {of_others, tmp_path / file_name(VERSION)}


@pytest.mark.parametrize("folder", ["missing", "file"])
def test_a_folder_that_is_none_is_told_in_one_line(
    plugin_file: Path, tmp_path: Path, folder: str
) -> None:
    (tmp_path / "file").touch()
    done = install(plugin_file, tmp_path / folder)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.count("\n") == 1
    assert folder in done.stderr


@pytest.mark.skipif(os.getuid() != 0, reason="only root may become another user")
def test_several_at_once_as_nobody(open_place: Path, plugin_file: Path) -> None:
    file, folder = open_place / PLUGIN, open_place / "plugins"
    shutil.copy(plugin_file, file)
    folder.mkdir()
    closed = install(file, folder, NOBODY)
    assert "Permission denied" in closed.stderr
    os.chown(folder, NOBODY, NOBODY)
    with ThreadPoolExecutor() as pool:
        done = list(pool.map(lambda _: install(file, folder, NOBODY), range(4)))
    assert {one.returncode for one in done} == {0}
    assert [path.name for path in folder.iterdir()] == [file_name(VERSION)]


def test_beside_a_plugin_that_runs(
    another: StartServer, newer_plugin_file: Path, plugin_file: Path, v2: Simulator[PachdV2]
) -> None:
    server = another(bare=True)
    assert install(plugin_file, server.plugin_directory).returncode == 0
    sha256 = hashlib.sha256(plugin_file.read_bytes()).hexdigest()
    body = {"command": file_name(VERSION), "sha256": sha256}
    assert server.http("POST", f"/v1/sys/plugins/catalog/secret/{PLUGIN}", body)[0] == 204
    with Mount(server, "pachyderm", v2) as mount:
        mount.configure()
        login = mount.login()
        assert install(newer_plugin_file, server.plugin_directory).returncode == 0
        assert install(plugin_file, server.plugin_directory).returncode == 0
        assert mount.renew(login)
        server.kill_plugin(PLUGIN)
        assert mount.alive(login)
        mount.revoke(login)
        assert not mount.alive(login)
    names = {path.name for path in server.plugin_directory.iterdir()}
    assert {file_name(VERSION), file_name(NEWER)} <= names


def printed(ran: subprocess.CompletedProcess[str], *verbs: str) -> str:
    """The commands that were printed and begin with `verbs`, for the mount at pachyderm/."""
    assert ran.returncode == 0, ran.stderr
    wanted = tuple(f"    vault {verb}" for verb in verbs)
    lines = [line for line in ran.stdout.splitlines() if line.startswith(wanted)]
    assert len(lines) == len(verbs)
    return "\n".join(line.replace("PATH", "pachyderm") for line in lines)


def test_the_printed_commands_mount_upgrade_and_go_back_with_leases_alive(
    another: StartServer, newer_plugin_file: Path, plugin_file: Path, v2: Simulator[PachdV2]
) -> None:
    server = another(bare=True)
    old = install(plugin_file, server.plugin_directory)
    run(server, printed(old, "plugin register", "secrets enable"))
    mount = Mount(server, "pachyderm", v2)
    mount.configure()
    first = mount.login()
    assert len(server.plugin_pids(file_name(VERSION))) == 1

    new = install(newer_plugin_file, server.plugin_directory)
    run(server, printed(new, "plugin register", "secrets tune", "plugin reload"))
    assert len(server.plugin_pids(file_name(NEWER))) == 1
    eventually(lambda: not server.plugin_pids(file_name(VERSION)))
    assert mount.renew(first, increment=60) == 60
    second = mount.login()

    run(server, printed(old, "secrets tune", "plugin reload"))  # the old file is there still
    assert len(server.plugin_pids(file_name(VERSION))) == 1
    for login in (first, second):
        assert mount.renew(login, increment=60) == 60
        mount.revoke(login)
        assert not mount.alive(login)


def run(server: VaultServer, script: str) -> None:
    """Run commands of the server's command line."""
    for command in script.splitlines():
        ran = server.cli(*command.split()[1:])
        assert ran.returncode == 0, ran.stderr
