"""A mount whose pachd is well, in one plugin process with others whose pachds are not."""

from __future__ import annotations

import shutil
import tempfile
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tests.chaos.crowd import Came, Crowd, crowd
from tests.chaos.ledger import account, secrets_shown
from tests.integration.mount import PLUGIN, Mount, eventually
from tests.integration.openbao import VaultServer
from tests.pachd import PachdV2, Simulator

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.chaos.conftest import Chaos

ROLE = "app"
LOGIN: Final = ("POST", "login/robot:test", {"ttl": "10m"})
CREDS: Final = ("GET", f"creds/{ROLE}", None)
SETTLING = 20.0  # seconds in which what was given up is revoked


@dataclass
class Neighbourhood:
    """The mounts ``healthy`` and ``sick`` of a server, each of a cluster of its own."""

    server: VaultServer
    healthy: Mount
    sick: Mount
    plugin: int  # its process

    def honest(self, run: Chaos, *, seconds: float, clients: int = 4, pace: float = 0.07) -> Crowd:
        """Patient clients of the healthy mount."""
        return crowd(run, [self.healthy], LOGIN, clients=clients, pace=pace, seconds=seconds)

    def mounted_at(self, path: str, address: str) -> Mount:
        """One more mount, of whoever is at `address`."""
        mount = Mount(self.server, path, self.sick.pachd)
        self.server.enable(PLUGIN, path)
        mount.configure(pachd_address=address, verify=False, request_timeout=2)
        mount.write(f"roles/{ROLE}", {"subject": "robot:app"})
        return mount

    @property
    def replaced(self) -> bool:
        """Whether the plugin is another process now."""
        return self.server.plugin_pids(PLUGIN) != [self.plugin]

    def left(self) -> int:
        """Revoke all there is; how many tokens live on."""
        mounts = (self.healthy, self.sick)
        for mount in mounts:
            mount.ask("PUT", f"/v1/sys/leases/revoke-prefix/{mount.path}", {"sync": True})
        try:
            eventually(lambda: not any(account(mount).live for mount in mounts), SETTLING)
        except AssertionError:
            return sum(len(account(mount).live) for mount in mounts)
        return 0


@contextmanager
def neighbourhood(
    binary: Path, plugin_file: Path, kind: type[VaultServer] = VaultServer, **config: Any
) -> Iterator[Neighbourhood]:
    """Both mounts, the sick one configured with `config`; no log shows a secret in the end."""
    directory = Path(tempfile.mkdtemp(prefix="vc"))
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, directory)
        server = kind(binary, directory)
        pachds = [stack.enter_context(Simulator(PachdV2())) for _ in range(2)]
        with server:
            server.register(PLUGIN, plugin_file)
            healthy, sick = (
                Mount(server, path, pachd)
                for path, pachd in zip(("healthy", "sick"), pachds, strict=True)
            )
            for mount, fields in ((healthy, {}), (sick, config)):
                server.enable(PLUGIN, mount.path)
                mount.configure(**fields)
                mount.write(f"roles/{ROLE}", {"subject": "robot:app"})
            (pid,) = server.plugin_pids(PLUGIN)
            try:
                yield Neighbourhood(server, healthy, sick, pid)
            finally:
                for pachd in pachds:
                    pachd.faults.clear()
        assert secrets_shown(server) == []


def in_milliseconds(came: Came, share: float = 0.99) -> float:
    """Within which that share of the answers came."""
    return round(1000 * came.percentile(share), 1)
