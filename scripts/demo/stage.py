"""What the story plays on: a dev server with the built plugin, and a cluster of each generation."""

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import grpc

from tests.integration.openbao import VaultServer, servers
from tests.pachd import PachdV1, PachdV2, Simulator
from tests.unit.pachd.caller import Caller

PLUGIN_NAME = "vault-plugin-secrets-pachyderm"
PLUGIN_FILE = Path(__file__).resolve().parents[2] / "dist" / PLUGIN_NAME


class Cluster(NamedTuple):
    """A simulated cluster and the mount that serves it."""

    title: str
    mount: str
    address: str
    admin_token: str
    who_am_i: str  # the method's path on the wire

    def whose(self, token: str) -> tuple[str | None, str]:
        """Ask pachd whose token this is: the subject, None when it is dead; and pachd's words."""
        with Caller(self.address) as pachd:
            try:
                subject: str = pachd(self.who_am_i, token).username
            except grpc.RpcError as refused:
                return None, refused.details() or str(refused.code())
        return subject, f"you are {subject}"


class DemoServer(VaultServer):
    """One whose storage nobody looks into, and which is not told to write files."""

    def config(self, listen: str) -> str:
        """As a dev server is."""
        del listen
        return ""

    def audit(self) -> None:
        """Nothing."""


class Stage(NamedTuple):
    """Everything that runs during the story."""

    server: DemoServer
    v2: Cluster
    v1: Cluster


@contextlib.contextmanager
def stage() -> Iterator[Stage]:
    """Start everything, and end everything afterwards. The plugin is there but not yet registered.

    The server is the last of those the test suite would use: Vault where there is one.
    """
    _, binary = servers()[-1]
    directory = Path(tempfile.mkdtemp(prefix="demo"))  # short: the plugin's socket is below it
    with contextlib.ExitStack() as running:
        running.callback(shutil.rmtree, directory)
        v2 = running.enter_context(Simulator(PachdV2()))
        v1 = running.enter_context(Simulator(PachdV1()))
        server = running.enter_context(DemoServer(binary, directory))
        shutil.copy(PLUGIN_FILE, server.plugin_directory)
        yield Stage(
            server,
            Cluster("2.x", "pachyderm", v2.address, v2.root_token, "/auth_v2.API/WhoAmI"),
            Cluster("1.x", "pachyderm-v1", v1.address, v1.root_token, "/auth.API/WhoAmI"),
        )
