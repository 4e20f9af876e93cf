"""Where a scenario plays: a server, or three, with a mount for a cluster of each generation."""

from __future__ import annotations

import shutil
import tempfile
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from tests.chaos.load import prepare
from tests.integration.conftest import GENERATIONS
from tests.integration.kept_server import KeptServer
from tests.integration.mount import PLUGIN, Mount
from tests.integration.openbao import VaultServer, openbao
from tests.integration.raft import RaftCluster
from tests.pachd import LeapingClock, Simulator

if TYPE_CHECKING:
    from collections.abc import Iterator

REQUEST_TIMEOUT = 1  # seconds; with it log entries are old enough after about a minute

Servers = TypeVar("Servers", bound=KeptServer | RaftCluster)


@dataclass
class Stage(Generic[Servers]):
    """The mounts ``pachyderm-1`` and ``pachyderm-2`` of a server that keeps what it knows."""

    server: Servers
    servers: list[VaultServer]  # all its processes
    mounts: list[Mount]
    ways: list[Mount]  # to the same mounts, through each process
    clock: LeapingClock  # of both pachds


@contextmanager
def stage(
    plugin_file: Path, kind: type[KeptServer] = KeptServer, **config: Any
) -> Iterator[Stage[KeptServer]]:
    """A stage of one server, its mounts configured with the fields of `config`."""
    with ExitStack() as stack:
        server = stack.enter_context(kind(openbao(), _directory(stack)))
        server.register(PLUGIN, plugin_file)
        yield _set(stack, server, [server], config)


@contextmanager
def cluster_stage(plugin_file: Path, **config: Any) -> Iterator[Stage[RaftCluster]]:
    """A stage of three servers that elect a leader."""
    with ExitStack() as stack:
        cluster = stack.enter_context(RaftCluster(openbao(), _directory(stack)))
        cluster.register(PLUGIN, plugin_file)
        yield _set(stack, cluster, list(cluster.nodes), config)


def _directory(stack: ExitStack) -> Path:
    directory = Path(tempfile.mkdtemp(prefix="vc"))
    stack.callback(shutil.rmtree, directory)
    return directory


def _set(
    stack: ExitStack, server: Servers, servers: list[VaultServer], config: dict[str, Any]
) -> Stage[Servers]:
    clock = LeapingClock()
    mounts = []
    ways = []
    for generation, kind in GENERATIONS.items():
        pachd = stack.enter_context(Simulator(kind(clock=clock)))
        path = f"pachyderm-{generation[0]}"
        server.enable(PLUGIN, path)
        mounts.append(Mount(servers[0], path, pachd))
        ways += [Mount(one, path, pachd) for one in servers]
        prepare(mounts[-1], request_timeout=REQUEST_TIMEOUT, **config)
    return Stage(server, servers, mounts, ways, clock)
