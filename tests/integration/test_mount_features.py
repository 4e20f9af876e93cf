"""What Vault and OpenBao do with any mount, done with this one."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.integration.mount import PLUGIN, Mount, Refused, eventually
from tests.integration.namespace import INSIDE, TEAM, make_namespace, skip_where_unsupported
from tests.integration.openbao import VaultServer
from tests.pachd import PachdV1, PachdV2, Simulator
from vault_plugin.engine import backend

HOUR = 3600


# Response wrapping


@pytest.mark.parametrize("path", ["login/robot:test", "creds/r"])
def test_a_wrapped_token_is_unwrapped_once(mount: Mount, path: str) -> None:
    mount.write("roles/r", {"subject": "robot:test"})
    vault = mount.server.cli
    wrapped = vault(
        "write", "-f", "-wrap-ttl=60s", "-field=wrapping_token", f"{mount.path}/{path}"
    ).stdout
    assert mount.pachd.live()["robot:test"] == 1
    token = vault("unwrap", "-field=user_token", wrapped).stdout
    assert mount.who_am_i(token) == "robot:test"
    again = vault("unwrap", wrapped)
    assert again.returncode != 0
    assert "wrapping token is not valid or does not exist" in again.stderr
    mount.server.told.tokens |= {wrapped, token}


def test_a_token_whose_wrapping_nobody_opened_ends_with_its_lease(mount: Mount) -> None:
    path = f"/v1/{mount.path}/login/robot:test"
    mount.ask("POST", path, {"ttl": "1s"}, **{"X-Vault-Wrap-TTL": "60"})
    assert mount.pachd.live()["robot:test"] == 1
    eventually(lambda: mount.pachd.live()["robot:test"] == 0)


# Quotas


def test_a_lease_count_quota_stops_logins_and_nothing_else(mount: Mount) -> None:
    quota = "/v1/sys/quotas/lease-count/pachyderm"
    body = {"path": f"{mount.path}/", "max_leases": 2}
    status, answer = mount.server.http("POST", quota, body)
    skip_where_unsupported(mount.server, "lease count quotas", status, answer)
    assert status == 204, answer
    try:
        first, _ = mount.login(), mount.login()
        with pytest.raises(Refused) as told:
            mount.login()
        assert told.value.status == 429
        assert mount.pachd.live()["robot:test"] == 2
        mount.revoke(first)
        assert mount.alive(mount.login())
    finally:
        mount.ask("DELETE", quota)


def test_a_rate_limit_quota_stops_logins_before_they_mint(mount: Mount) -> None:
    quota = "/v1/sys/quotas/rate-limit/pachyderm"
    mount.ask("POST", quota, {"path": f"{mount.path}/", "rate": 1, "interval": "1h"})
    try:
        login = mount.login()
        with pytest.raises(Refused) as told:
            mount.login()
        assert told.value.status == 429
        assert mount.pachd.live()["robot:test"] == 1
        mount.revoke(login)  # what ends a token is never held up
        assert not mount.alive(login)
    finally:
        mount.ask("DELETE", quota)


# Namespaces


@pytest.fixture
def namespace(server: VaultServer) -> Iterator[VaultServer]:
    """The server, with a namespace ``team``."""
    make_namespace(server)
    yield server
    server.http("DELETE", TEAM)
    eventually(lambda: server.http("GET", TEAM)[0] == 404)


class Inside(Mount):
    """A mount inside the namespace."""

    def ask(
        self, method: str, path: str, body: Any = None, *, token: str = "", **headers: str
    ) -> Any:
        return super().ask(method, path, body, token=token, **headers, **INSIDE)


def test_the_engine_works_inside_a_namespace(
    namespace: VaultServer, plugin: str, pachd: Simulator[PachdV1 | PachdV2]
) -> None:
    team = Inside(namespace, "pachyderm", pachd)
    team.ask("POST", "/v1/sys/mounts/pachyderm", {"type": plugin})
    team.configure()
    login, other = team.login(), team.login()
    assert team.who_am_i(login.token) == "robot:test"
    assert team.renew(login, HOUR) == HOUR
    with pytest.raises(Refused):
        Mount(namespace, "pachyderm", pachd).read("config")
    team.revoke(login)
    assert not team.alive(login)
    assert team.alive(other)
    team.ask("DELETE", "/v1/sys/mounts/pachyderm")
    assert not team.alive(other)


def test_mounts_inside_and_outside_share_a_process_and_nothing_else(
    namespace: VaultServer, mount: Mount
) -> None:
    with Simulator(PachdV2()) as its_own:
        team = Inside(namespace, mount.path, its_own)
        team.ask("POST", f"/v1/sys/mounts/{mount.path}", {"type": PLUGIN})
        team.configure(ttl="9m")
        inside, outside = team.login(), mount.login()
        assert (inside.address, outside.address) == (its_own.address, mount.pachd.address)
        assert (inside.seconds, outside.seconds) == (540, 300)
        assert len(namespace.plugin_pids(PLUGIN)) == 1
        team.ask("PUT", f"/v1/sys/leases/revoke-prefix/{mount.path}", {"sync": True})
        assert not team.alive(inside)
        assert mount.alive(outside)
        team.ask("DELETE", f"/v1/sys/mounts/{mount.path}")


# Tuning, moving, local mounts, the seal


def test_tuned_ttls_are_seen_by_the_next_login(mount: Mount) -> None:
    patch = {"Content-Type": "application/merge-patch+json"}
    mount.ask("PATCH", f"/v1/{mount.path}/config", {"ttl": None}, **patch)
    assert mount.login().seconds > HOUR
    tuned = mount.server.cli(
        "secrets", "tune", "-default-lease-ttl=7m", "-max-lease-ttl=1h", mount.path
    )
    assert tuned.returncode == 0, tuned.stderr
    assert mount.login().seconds == 420
    assert mount.login(ttl="5h").seconds == HOUR
    assert mount.read("config")["ttl"] == "7m0s"


def test_a_moved_mount_keeps_config_and_roles_and_revokes_its_leases(
    server: VaultServer, plugin: str, pachd: Simulator[PachdV1 | PachdV2]
) -> None:
    server.enable(plugin, "before")
    before, after = Mount(server, "before", pachd), Mount(server, "after", pachd)
    before.configure(ttl="8m")
    before.write("roles/r", {"subject": "robot:r"})
    login = before.login()
    move = {"from": "before", "to": "after"}
    moving = before.ask("POST", "/v1/sys/remount", move)["data"]["migration_id"]
    status = f"/v1/sys/remount/status/{moving}"
    eventually(lambda: before.ask("GET", status)["data"]["migration_info"]["status"] == "success")
    assert not after.alive(login)
    with pytest.raises(Refused):
        before.read("config")
    assert after.read("config")["ttl"] == "8m0s"
    again = after.login()
    assert (again.lease.partition("/")[0], again.seconds) == ("after", 480)
    assert after.write("creds/r")["data"]["user_token"]
    after.revoke(again)
    assert not after.alive(again)
    server.disable("after")


@pytest.mark.parametrize("flag", ["local", "seal_wrap"])
def test_a_mount_may_be_local_and_seal_wrapped(
    server: VaultServer, plugin: str, pachd: Simulator[PachdV1 | PachdV2], flag: str
) -> None:
    mount = Mount(server, "flagged", pachd)
    mount.ask("POST", "/v1/sys/mounts/flagged", {"type": plugin, flag: True})
    assert mount.ask("GET", "/v1/sys/mounts/flagged")["data"][flag] is True
    mount.configure()
    login = mount.login()
    assert mount.renew(login, HOUR) == HOUR
    mount.revoke(login)
    assert not mount.alive(login)
    server.disable("flagged")


def test_what_the_seal_wraps_and_what_stays_local() -> None:
    """As the engine tells the server: OpenBao and Vault's free edition show it nowhere."""
    special = backend().special
    assert set(special.seal_wrap_storage) == {"config", "roles/", "wal/"}
    assert special.local_storage == ["wal/"]
