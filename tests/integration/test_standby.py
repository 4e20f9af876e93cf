"""The engine on three nodes: whichever is asked, the one that may write does the work, once."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.mount import PLUGIN, Login, Mount, Refused, eventually
from tests.integration.openbao import servers
from tests.integration.raft import Node, RaftCluster
from tests.pachd import PachdV1, PachdV2, Simulator

PATH = "pachyderm"
MINTS = {"GetAuthToken", "GetRobotToken", "RestoreAuthToken"}
FAILOVER_SECONDS = 30.0


@pytest.fixture(scope="module", params=servers(), ids=lambda server: server[0])
def cluster(request: pytest.FixtureRequest, plugin_file: Path) -> Iterator[RaftCluster]:
    directory = Path(tempfile.mkdtemp(prefix="vr"))
    try:
        with RaftCluster(request.param[1], directory) as running:
            running.register(PLUGIN, plugin_file)
            yield running
    finally:
        shutil.rmtree(directory)


@pytest.fixture
def mounts(cluster: RaftCluster, pachd: Simulator[PachdV1 | PachdV2]) -> Iterator[list[Mount]]:
    """One configured mount as each node shows it, the leader's first."""
    leader = cluster.wait_for_leader()
    cluster.enable(PLUGIN, PATH)
    nodes = sorted(cluster.nodes, key=lambda node: node is not leader)
    seen = [Mount(node, PATH, pachd) for node in nodes]
    seen[0].configure()
    eventually(lambda: all(configured(mount) for mount in seen))
    pachd.forget()
    yield seen
    cluster.disable(PATH)


def configured(mount: Mount, **wanted: object) -> bool:
    """Whether the node has come to know the configuration, and that it says what is wanted."""
    try:
        shown = mount.read("config")
    except Refused as refusal:
        if refusal.status != 404:
            raise
        return False
    return all(shown[name] == value for name, value in wanted.items())


def come_to_show(mounts: list[Mount], ttl: str) -> None:
    """Wait until every node shows this ``ttl``: a standby hears of a write a moment later."""
    eventually(lambda: all(configured(mount, ttl=ttl) for mount in mounts))


def minted(mount: Mount) -> int:
    """How many tokens pachd was asked for."""
    return sum(n for method, n in mount.pachd.counts().items() if method in MINTS)


def node_of(mount: Mount) -> Node:
    assert isinstance(mount.server, Node)
    return mount.server


def test_configuration_written_through_any_node_is_read_through_all(mounts: list[Mount]) -> None:
    for number, writer in enumerate(mounts, 10):
        writer.configure(ttl=f"{number}m")
        come_to_show(mounts, f"{number}m0s")
    for number, patcher in enumerate(mounts, 20):
        patched = {"ttl": f"{number}m"}
        headers = {"Content-Type": "application/merge-patch+json"}
        patcher.ask("PATCH", f"/v1/{PATH}/config", patched, **headers)
        come_to_show(mounts, f"{number}m0s")
        assert [mount.login().seconds for mount in mounts] == [number * 60] * len(mounts)


def test_configuration_deleted_through_any_node_is_gone_from_all(mounts: list[Mount]) -> None:
    for deleter in mounts:
        deleter.ask("DELETE", f"/v1/{PATH}/config")
        eventually(lambda: not any(configured(mount) for mount in mounts))
        deleter.configure()
        come_to_show(mounts, "5m0s")


def test_a_login_through_any_node_is_one_token_on_one_lease(mounts: list[Mount]) -> None:
    pachd = mounts[0].pachd
    for number, mount in enumerate(mounts):
        subject = f"robot:through-{number}"
        pachd.forget()
        login = mount.login(subject)
        assert mount.who_am_i(login.token) == subject
        assert pachd.live()[subject] == 1
        assert minted(mount) == 1
        assert pachd.counts()["RevokeAuthToken"] == 0
        leases = mounts[0].ask("LIST", f"/v1/sys/leases/lookup/{PATH}/login/{subject}")
        assert leases["data"]["keys"] == [login.lease.rpartition("/")[2]]


def test_a_lease_renews_and_revokes_through_any_node(mounts: list[Mount]) -> None:
    for number, revoker in enumerate(mounts):
        login = mounts[number - 1].login()
        for renewer in mounts:
            assert renewer.renew(login, increment=600) == 600
            assert renewer.alive(login)
        revoker.revoke(login)
        assert not revoker.alive(login)


def test_a_token_is_revoked_through_any_node(mounts: list[Mount]) -> None:
    for number, mount in enumerate(mounts):
        login = mounts[number - 1].login()
        answer = mount.write("revoke", {"user_token": login.token})
        assert answer["data"]["revoked"] == 1
        assert not mount.alive(login)


def test_only_the_active_node_calls_pachd(mounts: list[Mount]) -> None:
    """What counts against `max_in_flight` is counted once for the cluster."""
    for mount in mounts:
        login = mount.login()
        mount.renew(login)
        mount.write("revoke", {"user_token": login.token})
        mount.revoke(login)
    eventually(lambda: mounts[0].pachd.connections == 1)


def test_a_refusal_is_the_same_through_any_node(mounts: list[Mount]) -> None:
    said = set()
    for mount in mounts:
        with pytest.raises(Refused) as refusal:
            mount.login("robot:x", ttl="0")
        said.add(str(refusal.value))
        with pytest.raises(Refused, match="403"):
            mount.login("robot:x", token="no-such-token")
    assert len(said) == 1
    assert minted(mounts[0]) == 0


def test_leases_outlive_the_leader(cluster: RaftCluster, mounts: list[Mount]) -> None:
    first, *others = mounts
    logins: list[Login] = [mount.login(f"robot:{n}") for n, mount in enumerate(mounts)]
    died = node_of(first)
    died.kill9()
    eventually(lambda: died.plugin_pids() == [])
    leader = cluster.wait_for_leader()
    assert leader is not died
    for login in logins:
        assert first.alive(login)
        for mount in others:
            assert mount.renew(login, increment=600) == 600
    for number, mount in enumerate(others):
        mount.revoke(logins[number])
        assert not mount.alive(logins[number])
        assert mount.alive(mount.login())
    cluster.start(died)
    cluster.wait_for_leader()
    eventually(lambda: died.serves(PATH))
    assert not died.active()
    assert first.renew(logins[-1], increment=300) == 300
    first.revoke(logins[-1])
    assert not first.alive(logins[-1])
    assert first.alive(first.login())


@pytest.mark.parametrize("pachd", ["2.x"], indirect=True)
def test_a_leader_that_steps_down_forwards(cluster: RaftCluster, mounts: list[Mount]) -> None:
    stepping = node_of(mounts[0])
    mounts[0].login()  # it has noted by now that it may write
    mounts[0].ask("PUT", "/v1/sys/step-down")
    eventually(lambda: not stepping.active(), FAILOVER_SECONDS)
    cluster.wait_for_leader()
    eventually(lambda: stepping.serves(PATH))
    for number, mount in enumerate(mounts):
        login = mount.login(f"robot:after-{number}")
        assert mount.pachd.live()[f"robot:after-{number}"] == 1
        mount.revoke(login)
        assert not mount.alive(login)


def test_no_log_of_any_node_shows_a_token(mounts: list[Mount]) -> None:
    for mount in mounts:
        mount.revoke(mount.login())
    for mount in mounts:
        for teller in mounts:
            assert teller.server.told.shown(mount.server.log_path) == []
