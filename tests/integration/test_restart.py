"""Configuration and leases outlast the server's seal and its process, and housekeeping arrives."""

import re

import pytest

from tests.integration.conftest import StartServer
from tests.integration.kept_server import KeptServer
from tests.integration.mount import PLUGIN, Login, Mount, eventually
from tests.pachd import PachdV1, PachdV2, Simulator


@pytest.fixture
def kept(another: StartServer, pachd: Simulator[PachdV1 | PachdV2]) -> Mount:
    """A configured mount on a server that keeps its storage."""
    mount = Mount(another(KeptServer), "pachyderm", pachd)
    mount.server.enable(PLUGIN, mount.path)
    mount.configure()
    return mount


def still_works(mount: Mount, login: Login) -> None:
    """Hold when config is there, the lease of before renews and revokes, and a login works."""
    assert mount.read("config")["ttl"] == "5m0s"
    assert mount.renew(login, increment=600) == 600
    mount.revoke(login)
    assert not mount.alive(login)
    assert mount.who_am_i(mount.login("robot:after").token) == "robot:after"
    assert len(mount.server.plugin_pids(PLUGIN)) == 1


def test_after_seal_and_unseal_all_is_there(kept: Mount) -> None:
    server = kept.server
    assert isinstance(server, KeptServer)
    login = kept.login()
    (before,) = server.plugin_pids(PLUGIN)
    server.seal()
    eventually(lambda: server.plugin_pids(PLUGIN) == [])
    server.unseal()
    still_works(kept, login)
    assert server.plugin_pids(PLUGIN) != [before]


def test_after_a_restart_all_is_there(kept: Mount) -> None:
    login = kept.login()
    kept.server.stop()
    assert kept.server.plugin_pids(PLUGIN) == []
    kept.server.start()
    still_works(kept, login)


def test_a_lease_that_ended_while_the_server_was_down_is_revoked_at_its_start(kept: Mount) -> None:
    login = kept.login(ttl="1s")
    kept.server.stop()
    kept.server.start()
    eventually(lambda: not kept.alive(login))
    eventually(lambda: kept.pachd.counts()["RevokeAuthToken"] > 0)


def test_a_rollback_arrives_and_is_answered(kept: Mount) -> None:
    kept.server.disable("pachyderm")  # which rolls back first
    kept.server.stop()
    log = kept.server.log_path.read_text()
    # The path of a rollback is empty, that of every other request is not.
    answers = re.findall(r'handle request: .*path="" status=finished err=(\S+)', log)
    assert answers
    assert set(answers) == {"<nil>"}
