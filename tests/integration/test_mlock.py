"""A server that asks its plugins to lock their memory, where the system refuses that."""

import ctypes
import re
import resource
import subprocess
from pathlib import Path
from typing import IO

import pytest

from tests.integration.conftest import StartServer
from tests.integration.mount import PLUGIN
from tests.integration.openbao import Process, VaultServer

PR_CAPBSET_DROP, CAP_IPC_LOCK = 24, 14  # linux/prctl.h, linux/capability.h


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
