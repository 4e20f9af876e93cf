"""`scripts/register` on three nodes: each must hold the file, and each is seen to run it."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.integration.mount import eventually
from tests.integration.openbao import START_SECONDS, openbao, servers
from tests.integration.raft import Node, RaftCluster
from tests.integration.register import NEWER, VERSION, file_name, refused, register

CLIENT_VERSION = "/v1/pachyderm/version/client-only"

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(params=servers(), ids=lambda server: server[0])
def cluster(request: pytest.FixtureRequest) -> Iterator[RaftCluster]:
    directory = Path(tempfile.mkdtemp(prefix="vr"))
    try:
        with RaftCluster(request.param[1], directory) as running:
            running.wait_for_leader()
            yield running
    finally:
        shutil.rmtree(directory)


def runs(node: Node) -> str | None:
    """The version that answers at the node, None where no plugin does."""
    status, answer = node.http("GET", CLIENT_VERSION)
    return f"v{answer['data']['client-version']}" if status == 200 else None


def applied(node: Node, *arguments: str) -> None:
    """Apply it, again where a busy machine's cluster has lost its leader amid a run."""

    def done() -> bool:
        ran = register(node, *arguments, "--apply")
        assert ran.returncode == 0 or "run this again" in ran.stderr, ran.stdout + ran.stderr
        return ran.returncode == 0

    eventually(done, START_SECONDS)


def test_every_node_is_installed_upgraded_and_rolled_back(
    cluster: RaftCluster, plugin_file: Path, newer_plugin_file: Path
) -> None:
    *holders, lacking = cluster.nodes
    for node in holders:
        node.place(file_name(VERSION), plugin_file)
    asked = cluster.standbys()[0]  # any node does

    lacks(asked, lacking)
    lacking.place(file_name(VERSION), plugin_file)
    applied(asked)
    assert [runs(node) for node in cluster.nodes] == [VERSION] * 3

    planned = register(asked, "--file", str(newer_plugin_file)).stdout
    assert all(node.address in planned for node in cluster.nodes)
    for node in holders:
        node.place(file_name(NEWER), newer_plugin_file)
    lacks(asked, lacking, "--file", str(newer_plugin_file), path="pachyderm-trial")
    if asked.kind.serving_standbys:
        assert [runs(node) for node in cluster.nodes] == [VERSION] * 3  # only the trial failed
    lacking.place(file_name(NEWER), newer_plugin_file)
    applied(asked, "--file", str(newer_plugin_file))
    assert [runs(node) for node in cluster.nodes] == [NEWER] * 3
    assert "nothing to do" in register(asked, "--file", str(newer_plugin_file)).stdout

    applied(asked, "--rollback", VERSION)
    assert [runs(node) for node in cluster.nodes] == [VERSION] * 3


def test_a_node_that_was_down_follows_with_the_next_run(
    cluster: RaftCluster, plugin_file: Path, newer_plugin_file: Path
) -> None:
    for node in cluster.nodes:
        node.place(file_name(VERSION), plugin_file)
        node.place(file_name(NEWER), newer_plugin_file)
    applied(cluster.leader())
    down = cluster.standbys()[0]
    down.kill9()
    upgrade = ("--file", str(newer_plugin_file))
    applied(cluster.leader(), *upgrade)
    cluster.start(down)
    eventually(lambda: runs(down) is not None, START_SECONDS)
    # It may have mounted what its storage held before it heard of the upgrade.
    eventually(lambda: down.address in listed(cluster.leader()), START_SECONDS)
    applied(cluster.leader(), *upgrade)
    assert runs(down) == NEWER


def lacks(asked: Node, lacking: Node, *arguments: str, path: str = "pachyderm") -> None:
    """Apply it where a standby lacks the file: that is refused, or said to be unchecked."""
    if asked.kind.serving_standbys:
        said = refused(asked, *arguments, "--apply")
        assert f"{lacking.address} runs no plugin at {path}/" in said
        assert said.count("runs no plugin at") == 1
    else:
        ran = register(asked, *arguments, "--apply")
        assert ran.returncode == 0, ran.stderr
        _, _, unchecked = ran.stdout.partition("Not checked:\n")
        assert f"{lacking.address} stands by, and runs no plugin until" in unchecked


class Hidden(Node):
    """A node that tells an address which nobody reaches from outside."""

    def config(self, listen: str) -> str:
        told, unreached = (f'api_addr         = "http://{at}"' for at in (listen, "127.0.0.1:1"))
        config = super().config(listen)
        assert told in config
        return config.replace(told, unreached)


class Forwarding(Hidden):
    """One that serves no reads while it stands by, as Vault's."""

    def config(self, listen: str) -> str:
        return f"disable_standby_reads = true\n{super().config(listen)}"


@contextmanager
def hidden(kind: type[Node]) -> Iterator[RaftCluster]:
    """OpenBao's cluster of such nodes, with both versions in their directories."""
    directory = Path(tempfile.mkdtemp(prefix="vr"))
    cluster = RaftCluster(openbao(), directory)
    told = cluster.nodes[0].told
    cluster.nodes = [kind(node.binary, node.directory) for node in cluster.nodes]
    for node in cluster.nodes:
        node.told = told
    try:
        with cluster:
            cluster.wait_for_leader()
            yield cluster
    finally:
        shutil.rmtree(directory)


def test_a_standby_that_forwards_is_asked_on_where_the_active_node_is_not_reached(
    plugin_file: Path, newer_plugin_file: Path
) -> None:
    with hidden(Forwarding) as cluster:
        for node in cluster.nodes:
            node.place(file_name(VERSION), plugin_file)
            node.place(file_name(NEWER), newer_plugin_file)
        asked = cluster.standbys()[0]
        said = register(asked).stdout
        assert f"{asked.address} stands by and is asked all the same" in said
        assert "127.0.0.1:1 is not reached: Connection refused" in said
        applied(asked)
        assert runs(cluster.leader()) == VERSION
        applied(asked, "--file", str(newer_plugin_file))
        assert runs(cluster.leader()) == NEWER


def test_a_standby_that_serves_reads_is_not(plugin_file: Path) -> None:
    with hidden(Hidden) as cluster:
        for node in cluster.nodes:
            node.place(file_name(VERSION), plugin_file)
        said = refused(cluster.standbys()[0], "--apply")
        assert "stands by and serves reads itself" in said
        applied(cluster.leader())
        assert runs(cluster.leader()) == VERSION


def listed(node: Node) -> list[str]:
    """The nodes the cluster knows to be there."""
    return [n["api_address"] for n in node.http("GET", "/v1/sys/ha-status")[1]["data"]["nodes"]]
