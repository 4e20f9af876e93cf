"""A server that asks its plugins to lock their memory, where the system refuses that or not."""

import ctypes
import os
import re
import resource
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import pytest

from tests.integration.conftest import StartServer
from tests.integration.mount import PLUGIN
from tests.integration.openbao import Process, VaultServer
from tests.unit.process.plugin_host import NOBODY, is_error, launch, refused

# linux/prctl.h, linux/capability.h
PR_CAPBSET_DROP, CAP_IPC_LOCK = 24, 14
PR_SET_NO_NEW_PRIVS = 38


class Unprivileged(VaultServer):
    """It and its plugins may lock no memory, whoever starts it."""

    def launch(self, arguments: list[str], output: IO[bytes]) -> Process:
        """Start the binary without the right and without a limit's worth of it."""

        def give_up() -> None:
            ctypes.CDLL(None).prctl(PR_CAPBSET_DROP, CAP_IPC_LOCK, 0, 0, 0)
            resource.setrlimit(resource.RLIMIT_MEMLOCK, (0, 0))

        return subprocess.Popen(
            [str(self.binary), *arguments],
            stdout=output,
            stderr=output,
            stdin=subprocess.DEVNULL,
            env=self.environment(),
            start_new_session=True,
            preexec_fn=give_up,
        )

    def environment(self, token: str | None = None) -> dict[str, str]:
        """As a Vault that locks its memory has it for its plugins; OpenBao locks none."""
        return {**super().environment(token), "VAULT_PLUGIN_MLOCK_ENABLED": "true"}


def test_the_servers_log_says_what_to_do(another: StartServer, plugin_file: Path) -> None:
    server = another(Unprivileged, bare=True)
    server.register(PLUGIN, plugin_file)
    with pytest.raises(AssertionError):
        server.enable(PLUGIN, "pachyderm")
    assert server.plugin_pids(PLUGIN) == []
    server.stop()
    log = server.log_path.read_text()
    [said, *_] = re.findall(r"^.*\[ERROR\].*cannot lock memory.*$", log, re.MULTILINE)
    assert "LimitMEMLOCK=infinity" in said
    assert "disable_mlock" in said


@pytest.fixture
def capable(plugin_file: Path) -> Iterator[Path]:
    """A copy of the plugin that has the right to lock memory, where anybody reaches it."""
    if plugin_file.read_bytes()[:4] != b"\x7fELF":
        pytest.skip("the plugin is a zip: a capability would be its interpreter's")
    setcap = shutil.which("setcap", path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
    if setcap is None or os.geteuid() != 0:
        pytest.skip("only root gives a file capabilities, with setcap (libcap2-bin)")
    folder = Path(tempfile.mkdtemp(prefix="mc"))
    folder.chmod(0o1777)
    file = folder / PLUGIN
    shutil.copy(plugin_file, file)
    given = subprocess.run(
        [setcap, "cap_ipc_lock=+ep", file], capture_output=True, text=True, check=False
    )
    if given.returncode:
        shutil.rmtree(folder)
        pytest.skip(f"this file system holds no capabilities: {given.stderr.strip()}")
    yield file
    shutil.rmtree(folder)


def become_nobody() -> None:
    """Another user without a limit's worth of locked memory."""
    resource.setrlimit(resource.RLIMIT_MEMLOCK, (0, 0))
    os.setgroups([])
    os.setresgid(NOBODY, NOBODY, NOBODY)
    os.setresuid(NOBODY, NOBODY, NOBODY)


async def test_a_file_with_the_capability_locks_its_memory(capable: Path) -> None:
    async with launch(
        command=[str(capable)],
        before=become_nobody,
        VAULT_PLUGIN_MLOCK_ENABLED="true",
        PLUGIN_UNIX_SOCKET_DIR=str(capable.parent),  # in such a process TMPDIR does not count
    ) as plugin:
        [locked] = re.findall(r"(?m)^VmLck:\s+(\d+) kB$", plugin.proc("status").read_text())
        assert int(locked) > 0


async def test_the_capability_is_ignored_where_programs_may_gain_no_rights(capable: Path) -> None:
    def held_down() -> None:
        ctypes.CDLL(None).prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        become_nobody()

    exited, _, said = await refused(
        command=[str(capable)], before=held_down, VAULT_PLUGIN_MLOCK_ENABLED="true"
    )
    assert exited == 1
    assert "LimitMEMLOCK=infinity" in is_error(said)


async def test_such_a_file_does_not_start_where_the_capability_is_out_of_bounds(
    capable: Path,
) -> None:
    def bound() -> None:
        ctypes.CDLL(None).prctl(PR_CAPBSET_DROP, CAP_IPC_LOCK, 0, 0, 0)
        become_nobody()

    with pytest.raises(PermissionError):
        await refused(command=[str(capable)], before=bound)
