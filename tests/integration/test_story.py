"""The story of the original's documents: configure, log in, renew, revoke.

On the oldest and the newest release of each generation.
"""

import hashlib
import shutil
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from tests.integration.conftest import StartServer
from tests.integration.mount import Login, Mount, Refused, eventually
from tests.integration.openbao import VaultServer
from tests.pachd import PachdV1, PachdV2, Simulator

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # its dependencies' deprecations are not ours to mend
    from pachyderm_sdk import Client

MINUTES = 60
CLOSE = 5  # seconds by which a TTL that runs down may differ

VaultToken = Callable[..., str]
RELEASES = {"1.8": PachdV1, "1.13": PachdV1, "2.0": PachdV2, "2.11": PachdV2}
NEEDS = r"needs Pachyderm 1\.11\.9 or later; this cluster runs 1\.8\.8"
OWN_GRANT = {
    "1.8": "repo:images=READER",
    "1.13": "repo:images=READER",
    "2.0": "repo:images=repoReader",
    "2.11": "repo:default/images=repoReader",
}
# What is asked of a mount, and the 400 of a release that lacks it.
LACKED: dict[str, list[tuple[str, str, dict[str, Any] | None, str]]] = {
    "1.8": [
        ("POST", "config", {"crash_safe": True}, NEEDS),
        ("POST", "roles/r", {"grants": OWN_GRANT["1.8"]}, NEEDS),
        ("GET", "tokens", None, NEEDS),
        ("GET", "tokens/robot:test", None, NEEDS),
        ("LIST", "tokens/", None, NEEDS),
        ("POST", "revoke/robot:test", {}, "vault lease revoke -prefix"),
    ],
    "1.13": [("POST", "revoke/robot:test", {}, "vault lease revoke -prefix")],
    "2.0": [
        ("POST", "renew", {"user_token": "0" * 32}, "cannot extend a token"),
        (
            "POST",
            "roles/r",
            {"grants": "project:default=projectViewer"},
            r"needs Pachyderm 2\.5\.0 or later; this cluster runs 2\.0\.8",
        ),
        ("POST", "roles/r", {"grants": OWN_GRANT["2.11"]}, "projects need Pachyderm 2"),
        ("POST", f"login/robot:{'x' * 59}", {}, "64 characters before Pachyderm 2"),
    ],
    "2.11": [("POST", "renew", {"user_token": "0" * 32}, "cannot extend a token")],
}


@pytest.fixture(params=RELEASES)
def release(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def pachd(release: str) -> Iterator[Simulator[PachdV1 | PachdV2]]:
    """A cluster of each release."""
    with Simulator(RELEASES[release](release=release)) as cluster:
        yield cluster


@pytest.fixture
def vault_token(server: VaultServer) -> VaultToken:
    """Makes a Vault token that may do what the rules of a policy say."""

    def make(**rules: str) -> str:
        root = server.client()
        policy = "\n".join(
            f'path "pachyderm/{path}" {{ capabilities = [{capabilities}] }}'
            for path, capabilities in rules.items()
        )
        root.sys.create_or_update_policy("story", policy)
        token: str = root.auth.token.create(policies=["story"])["auth"]["client_token"]
        return token

    return make


def dies(mount: Mount, *logins: Login) -> None:
    """Hold when no token of these lives at pachd any more, at once or soon."""
    eventually(lambda: not any(mount.alive(login) for login in logins))
    for login in logins:
        with pytest.raises(grpc.RpcError):
            mount.who_am_i(login.token)


def lookup(mount: Mount, login: Login) -> dict[str, object]:
    answer = mount.ask("PUT", "/v1/sys/leases/lookup", {"lease_id": login.lease})
    data: dict[str, object] = answer["data"]
    return data


def test_the_versions_of_both_sides_are_told(mount: Mount) -> None:
    versions = mount.read("version")
    assert set(versions) == {"client-version", "server-version"}
    assert versions["server-version"].startswith("1." if mount.extends else "2.")
    assert mount.read("version/client-only") == {"client-version": versions["client-version"]}


def test_a_login_gives_a_token_that_pachd_takes(mount: Mount) -> None:
    login = mount.login("robot:test")
    assert mount.who_am_i(login.token) == "robot:test"
    assert login.address == mount.pachd.address
    assert login.lease.startswith("pachyderm/login/robot:test/")
    assert (login.seconds, login.renewable) == (5 * MINUTES, True)


def test_nothing_is_wrong(mount: Mount, release: str) -> None:
    found = mount.read("check")
    assert found["problems"] == []
    assert found["pachyderm_version"].startswith(f"{release}.")


def test_what_a_release_lacks_is_refused_by_its_name(mount: Mount, release: str) -> None:
    for method, path, body, why in LACKED[release]:
        asked = {"subject": "robot:{{random}}", **(body or {})} if "roles" in path else body
        with pytest.raises(Refused, match=why) as told:
            mount.ask(method, f"/v1/{mount.path}/{path}", asked)
        assert told.value.status == 400


def test_what_pachd_holds_is_told(mount: Mount, release: str) -> None:
    if release == "1.8":
        return
    mount.login()
    before = mount.read("tokens")
    assert mount.read("tokens/robot:test")["tokens"] == 1
    listed = mount.ask("LIST", f"/v1/{mount.path}/tokens/")["data"]["keys"]
    assert len(listed) == before["subjects"]
    assert "robot:test" in listed


def test_grants_are_had_where_there_are_any(mount: Mount, release: str) -> None:
    if release == "1.8":
        return
    mount.configure(allowed_grants=[OWN_GRANT[release]])
    mount.write("roles/r", {"subject": "robot:{{random}}", "grants": OWN_GRANT[release]})
    token = mount.read("creds/r")["user_token"]
    assert mount.who_am_i(token).startswith("robot:")


def test_each_login_gives_a_token_of_its_own(mount: Mount) -> None:
    assert mount.login().token != mount.login().token
    assert mount.pachd.live()["robot:test"] == 2


def test_a_lease_can_be_looked_up(mount: Mount) -> None:
    found = lookup(mount, login := mount.login())
    assert found["id"] == login.lease
    assert found["renewable"] is True
    assert 5 * MINUTES - CLOSE <= int(str(found["ttl"])) <= 5 * MINUTES


def test_a_renewal_takes_an_increment(mount: Mount) -> None:
    login = mount.login()
    assert mount.renew(login, increment=3600) == 3600
    assert int(str(lookup(mount, login)["ttl"])) >= 3600 - CLOSE
    assert mount.who_am_i(login.token) == "robot:test"


def test_the_token_outlives_the_renewed_lease(mount: Mount) -> None:
    login = mount.login()
    lease_end = time.time() + mount.renew(login, increment=3600)
    token_end = mount.pachd.ends(login.token)
    assert token_end is not None
    assert token_end >= lease_end


def test_a_renewal_without_increment_lasts_as_the_login_did(mount: Mount) -> None:
    assert mount.renew(mount.login()) == 5 * MINUTES


def test_a_token_can_be_extended_by_its_text_where_pachd_can(mount: Mount) -> None:
    login = mount.login()
    body = {"user_token": login.token, "increment": 3600}
    if mount.extends:
        assert mount.write("renew", body)["data"]["ttl"] == 3600
        assert (mount.pachd.ends(login.token) or 0) >= time.time() + 3600 - CLOSE
    else:
        with pytest.raises(Refused, match=r"2\.x cannot extend a token.*vault lease renew") as told:
            mount.write("renew", body)
        assert told.value.status == 400


def test_a_token_can_be_revoked_by_its_text(mount: Mount) -> None:
    login = mount.login()
    assert mount.write("revoke", {"user_token": login.token})["data"]["revoked"] == 1
    dies(mount, login)
    mount.revoke(login)  # the lease that stayed ends without an error


def test_the_token_is_dead_when_a_synchronous_revocation_returns(mount: Mount) -> None:
    login, other = mount.login(), mount.login()
    mount.revoke(login)
    assert not mount.alive(login)
    assert mount.alive(other)


def test_a_queued_revocation_ends_the_token_soon(mount: Mount) -> None:
    login = mount.login()
    mount.revoke(login, sync=False)
    dies(mount, login)


def test_a_lease_that_runs_out_ends_its_token(mount: Mount) -> None:
    login = mount.login(ttl="2s")
    assert (mount.pachd.ends(login.token) or 0) > time.time() + 2
    dies(mount, login)


def test_the_end_of_a_vault_token_ends_its_leases(mount: Mount, vault_token: VaultToken) -> None:
    mine = vault_token(**{"login/*": '"create", "update"'})
    login, other = mount.login(token=mine), mount.login()
    mount.ask("POST", "/v1/auth/token/revoke", {"token": mine})
    dies(mount, login)
    assert mount.alive(other)


def test_a_prefix_of_leases_is_revoked(mount: Mount) -> None:
    tests = [mount.login("robot:test") for _ in range(3)]
    other = mount.login("robot:other")
    mount.ask("PUT", "/v1/sys/leases/revoke-prefix/pachyderm/login/robot:test", {"sync": True})
    assert not any(mount.alive(login) for login in tests)
    assert mount.alive(other)


def test_an_unmount_revokes_every_lease(
    server: VaultServer, plugin: str, pachd: Simulator[PachdV1 | PachdV2]
) -> None:
    with Mount(server, "leaving", pachd) as mount:
        mount.configure()
        logins = [mount.login(f"robot:{number}") for number in range(3)]
        assert all(mount.alive(login) for login in logins)
    assert not any(mount.alive(login) for login in logins)


def test_a_wrapped_login_shows_its_token_once(mount: Mount) -> None:
    path = "/v1/pachyderm/login/robot:test"
    wrapped = mount.ask("POST", path, **{"X-Vault-Wrap-TTL": "60"})
    assert wrapped["data"] is None
    once = wrapped["wrap_info"]["token"]
    unwrapped = mount.ask("POST", "/v1/sys/wrapping/unwrap", token=once)
    assert mount.who_am_i(unwrapped["data"]["user_token"]) == "robot:test"
    with pytest.raises(Refused):
        mount.ask("POST", "/v1/sys/wrapping/unwrap", token=once)


def test_a_policy_can_allow_some_subjects_only(mount: Mount, vault_token: VaultToken) -> None:
    mine = vault_token(**{"login/robot:ci-*": '"create", "update"'})
    assert mount.who_am_i(mount.login("robot:ci-7", token=mine).token) == "robot:ci-7"
    for path in ("login/robot:test", "login/robot:c", "config", "revoke"):
        with pytest.raises(Refused) as told:
            mount.write(path, {}, token=mine)
        assert told.value.status == 403
    assert mount.pachd.live()["robot:test"] == 0


def test_a_policy_can_tell_creating_config_from_changing_it(
    mount: Mount, vault_token: VaultToken
) -> None:
    creator = vault_token(config='"create"')
    body = {"admin_token": mount.pachd.root_token, "pachd_address": mount.pachd.address}
    with pytest.raises(Refused) as told:
        mount.write("config", body, token=creator)
    assert told.value.status == 403
    mount.ask("DELETE", "/v1/pachyderm/config")
    mount.write("config", body, token=creator)

    changer = vault_token(config='"update"')
    mount.write("config", {"ttl": "7m"}, token=changer)
    mount.ask("DELETE", "/v1/pachyderm/config")
    with pytest.raises(Refused) as told:
        mount.write("config", body, token=changer)
    assert told.value.status == 403


def test_config_is_read_without_its_token_and_patched(mount: Mount) -> None:
    patch = {"Content-Type": "application/merge-patch+json"}
    mount.ask("PATCH", "/v1/pachyderm/config", '{"ttl": "20m"}', **patch)
    config = mount.read("config")
    assert config["ttl"] == "20m0s"
    assert config["pachd_address"] == mount.pachd.address
    assert "admin_token" not in config
    assert mount.pachd.root_token not in str(config)


def test_the_story_through_hvac(mount: Mount) -> None:
    vault = mount.server.client()
    answer = vault.write_data("pachyderm/login/robot:test", data={"ttl": "10m"})
    token, lease = answer["data"]["user_token"], answer["lease_id"]
    assert mount.who_am_i(token) == "robot:test"
    assert vault.sys.read_lease(lease)["data"]["renewable"] is True
    assert vault.sys.renew_lease(lease, increment=3600)["lease_duration"] == 3600
    vault.sys.revoke_lease(lease)
    eventually(lambda: mount.pachd.subject_of(token) is None)


def test_the_documents_commands_work_as_written(
    another: StartServer, plugin_file: Path, pachd: Simulator[PachdV1 | PachdV2]
) -> None:
    server = another(bare=True)
    shutil.copy(plugin_file, server.plugin_directory / "pachyderm")
    sha256 = hashlib.sha256(plugin_file.read_bytes()).hexdigest()

    def vault(command: str) -> str:
        ran = server.cli(*command.split())
        assert ran.returncode == 0, ran.stderr
        return ran.stdout

    vault(f"write sys/plugins/catalog/pachyderm sha_256={sha256} command=pachyderm")
    vault("secrets enable -path=pachyderm -plugin-name=pachyderm plugin")
    own = f"admin_token={pachd.root_token} pachd_address={pachd.address}"
    vault(f"write pachyderm/config {own} ttl=5m")
    vault("read pachyderm/version")
    vault("read pachyderm/version/client-only")
    answer = vault("write -f pachyderm/login/robot:test")
    rows = dict(line.split(maxsplit=1) for line in answer.splitlines())
    assert rows["lease_duration"].strip() == "5m"
    assert pachd.subject_of(rows["user_token"].strip()) == "robot:test"
    lease = rows["lease_id"].strip()
    assert lease in vault(f"write /sys/leases/lookup lease_id={lease}")
    assert "1h" in vault(f"write /sys/leases/renew lease_id={lease} increment=3600")
    vault(f"write pachyderm/revoke user_token={rows['user_token']}")
    assert pachd.live()["robot:test"] == 0


def test_pachyderms_own_sdk_takes_the_token(
    server: VaultServer, plugin: str, v2: Simulator[PachdV2]
) -> None:
    with Mount(server, "sdk", v2) as mount:
        mount.configure()
        user = Client(v2.host, v2.port, auth_token=mount.login("robot:sdk").token)
        me = user.auth.who_am_i()
    assert me.username == "robot:sdk"
    assert me.expiration is not None
