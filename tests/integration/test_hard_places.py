"""A server that is poor in everything mounts the plugin all the same."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import IO, TYPE_CHECKING

import pytest

from tests.integration.mount import PLUGIN, Mount
from tests.integration.openbao import VaultServer
from tests.unit.process.namespaces import own_mounts

if TYPE_CHECKING:
    from tests.integration.conftest import StartServer
    from tests.integration.openbao import Process
    from tests.pachd import PachdV1, PachdV2, Simulator

NOBODY = 65534
AS_NOBODY = ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups")


class PoorServer(VaultServer):
    """Run by nobody, without a home, its TMPDIR noexec, its plugins in a path with blanks."""

    def __init__(self, binary: Path, directory: Path) -> None:
        super().__init__(directory / "server", directory)
        self.plugin_directory = directory / "other plug ins" / "of mine"
        self._original = binary

    def launch(self, arguments: list[str], output: IO[bytes]) -> Process:
        """Start a copy that others may run, in mounts of its own."""
        if not self.binary.exists():
            shutil.copy(self._original, self.binary)
            shutil.chown(self.directory, NOBODY)
        tmp = self.directory / "tmp"
        poorer = own_mounts(f"mount -t tmpfs -o noexec,nosuid,mode=1777 tmpfs {tmp}")
        return subprocess.Popen(
            [*poorer, *AS_NOBODY, str(self.binary), *arguments],
            stdout=output,
            stderr=output,
            stdin=subprocess.DEVNULL,
            env=self.environment(),
            cwd="/",
            start_new_session=True,
        )

    def environment(self, token: str | None = None) -> dict[str, str]:
        """What the server runs with: no HOME."""
        environment = super().environment(token)
        del environment["HOME"]
        return environment


@pytest.mark.skipif(os.getuid() != 0, reason="only root may become another user")
def test_it_works_on_a_poor_server(
    another: StartServer, pachd: Simulator[PachdV1 | PachdV2]
) -> None:
    server = another(PoorServer)
    with Mount(server, "pachyderm", pachd) as mount:
        mount.configure()
        login = mount.login()
        assert mount.renew(login, increment=60)
        mount.revoke(login)
        assert not mount.alive(login)
        (pid,) = server.plugin_pids(PLUGIN)
        process = Path(f"/proc/{pid}")
        assert f"Uid:\t{NOBODY}\t" in (process / "status").read_text()
        assert f" {server.directory}/tmp tmpfs rw,nosuid,noexec" in (process / "mounts").read_text()
        assert b"HOME=" not in (process / "environ").read_bytes()
