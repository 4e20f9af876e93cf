"""The security team's day, by the commands of ``docs/revocation.md``: what is revoked is dead.

Dead at pachd within a second of the command's return; what was not meant lives on.
"""

from pathlib import Path
from typing import cast

import pytest

from tests.integration import refuser
from tests.integration.launcher import launcher
from tests.integration.mount import Login, Mount, Refused, eventually
from tests.unit.engine.cluster import Pachd, add_token, kill

SECOND = 1.0
POLICY = """
path "pachyderm/login/*" { capabilities = ["create", "update"] }
path "auth/token/create" { capabilities = ["update"] }
"""


def vault(mount: Mount, *arguments: str) -> str:
    """What the command line prints. AssertionError when it fails."""
    ran = mount.server.cli(*arguments)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def refused(mount: Mount, *arguments: str) -> str:
    """What the command line says when it fails."""
    ran = mount.server.cli(*arguments)
    assert ran.returncode != 0, ran.stdout
    return ran.stderr


def die(mount: Mount, *logins: Login) -> None:
    """Hold when these are dead within a second."""
    eventually(lambda: not any(mount.alive(login) for login in logins), SECOND)


def vault_token(mount: Mount, parent: str = "") -> tuple[str, str]:
    """A Vault token that may log in and have children, and its accessor."""
    mount.server.client().sys.create_or_update_policy("app", POLICY)
    body = {"policies": ["app"]}
    auth = mount.ask("POST", "/v1/auth/token/create", body, token=parent)["auth"]
    return auth["client_token"], auth["accessor"]


def cluster(mount: Mount) -> Pachd:
    """The cluster, in the words of the helpers, which tell the generations apart."""
    return cast("Pachd", mount.pachd)


# What Vault gave out


def test_one_lease(mount: Mount) -> None:
    one, other = mount.login(), mount.login()
    vault(mount, "lease", "revoke", one.lease)
    die(mount, one)
    assert mount.alive(other)


def test_all_leases_of_a_subject_and_of_no_other(mount: Mount) -> None:
    logins = [mount.login() for _ in range(3)]
    others = [mount.login("robot:test2"), mount.login("robot:other")]
    vault(mount, "lease", "revoke", "-prefix", "pachyderm/login/robot:test")
    die(mount, *logins)
    assert all(mount.alive(other) for other in others)


def test_all_leases_of_a_role(mount: Mount) -> None:
    mount.write("roles/ci", {"subject": "robot:ci"})
    token = mount.write("creds/ci")["data"]["user_token"]
    other = mount.login("robot:ci")
    vault(mount, "lease", "revoke", "-prefix", "pachyderm/creds/ci")
    eventually(lambda: mount.pachd.subject_of(token) is None, SECOND)
    assert mount.alive(other)


def test_all_leases_of_the_mount(mount: Mount) -> None:
    logins = [mount.login(f"robot:{number}") for number in range(5)]
    vault(mount, "lease", "revoke", "-prefix", "pachyderm/")
    die(mount, *logins)


@pytest.mark.parametrize("by", ["token", "accessor"])
def test_a_vault_token_with_its_children_is_revoked(mount: Mount, by: str) -> None:
    parent, accessor = vault_token(mount)
    child, _ = vault_token(mount, parent)
    stranger, _ = vault_token(mount)
    logins = [mount.login(token=token) for token in (parent, child)]
    other = mount.login(token=stranger)
    vault(mount, "token", "revoke", *([parent] if by == "token" else ["-accessor", accessor]))
    die(mount, *logins)
    assert mount.alive(other)


def test_the_mount_itself(mount: Mount) -> None:
    login = mount.login()
    vault(mount, "secrets", "disable", "pachyderm")
    die(mount, login)


# What Pachyderm knows


def test_a_token_by_its_text(mount: Mount) -> None:
    login, other = mount.login(), mount.login()
    answer = vault(mount, "write", "pachyderm/revoke", f"user_token={login.token}")
    assert answer.split()[-2:] == ["revoked", "1"]
    die(mount, login)
    assert mount.alive(other)
    foreign = add_token(cluster(mount), "robot:foreign")
    vault(mount, "write", "pachyderm/revoke", f"user_token={foreign}")
    eventually(lambda: mount.pachd.subject_of(foreign) is None, SECOND)
    again = vault(mount, "write", "pachyderm/revoke", f"user_token={foreign}")
    assert again.split()[-2:] == ["revoked", "0"]


def test_every_token_of_a_subject(mount: Mount) -> None:
    logins = [mount.login() for _ in range(2)]
    foreign = add_token(cluster(mount), "robot:test")
    other = mount.login("robot:other")
    if mount.extends:
        told = refused(mount, "write", "-f", "pachyderm/revoke/robot:test")
        assert "vault lease revoke -prefix <mount>/login/robot:test" in " ".join(told.split())
        vault(mount, "lease", "revoke", "-prefix", "pachyderm/login/robot:test")
        die(mount, *logins)
        assert mount.pachd.live()["robot:test"] == 1  # the one Vault does not know
    else:
        answer = vault(mount, "write", "-f", "pachyderm/revoke/robot:test")
        assert answer.split()[-2:] == ["revoked", "3"]
        die(mount, *logins)
        assert mount.pachd.subject_of(foreign) is None
        vault(mount, "lease", "revoke", "-sync", logins[0].lease)
    assert mount.alive(other)


# When it does not go as it should


def irrevocable(mount: Mount) -> list[str]:
    answer = mount.ask("GET", "/v1/sys/leases?type=irrevocable")
    return [lease["lease_id"] for lease in answer["data"]["leases"]]


@pytest.fixture
def given_up(mount: Mount, plugin_file: Path, tmp_path: Path) -> tuple[Mount, list[Login]]:
    """Two leases that Vault has given up to revoke, of a mount that works again."""
    swapped = "swapped"
    server = mount.server

    def run(file: Path) -> None:
        server.register(swapped, file)
        mount.ask("POST", "/v1/sys/plugins/reload/backend", {"plugin": swapped})

    server.register(swapped, plugin_file)
    server.disable(mount.path)
    server.enable(swapped, mount.path)
    mount.configure()
    logins = [mount.login() for _ in range(2)]
    run(launcher(Path(refuser.__file__), tmp_path))
    for login in logins:
        mount.revoke(login, sync=False)
    eventually(lambda: sorted(irrevocable(mount)) == sorted(login.lease for login in logins))
    run(plugin_file)
    return mount, logins


def test_an_irrevocable_lease_is_listed_and_revoked_when_pachd_is_back(
    given_up: tuple[Mount, list[Login]],
) -> None:
    mount, (one, other) = given_up
    assert vault(mount, "read", "-field=lease_count", "sys/leases/count", "type=irrevocable") == "2"
    listed = vault(mount, "read", "sys/leases", "type=irrevocable")
    assert one.lease in listed
    assert mount.alive(one)
    vault(mount, "lease", "revoke", one.lease)  # Vault takes it for tried enough
    assert one.lease in irrevocable(mount)
    vault(mount, "lease", "revoke", "-sync", one.lease)
    die(mount, one)
    assert irrevocable(mount) == [other.lease]
    vault(mount, "lease", "revoke", "-force", "-prefix", "pachyderm/login/robot:test")
    assert irrevocable(mount) == []
    die(mount, other)


def test_a_lease_dropped_by_force_leaves_its_token_to_its_end(mount: Mount) -> None:
    login = mount.login()
    mount.pachd.die()
    assert "connection refused" in refused(mount, "lease", "revoke", "-sync", login.lease)
    vault(mount, "lease", "revoke", "-force", "-prefix", "pachyderm/login/robot:test")
    assert "invalid lease" in refused(mount, "lease", "lookup", login.lease)
    mount.pachd.restart()
    assert mount.alive(login)
    assert mount.pachd.ends(login.token) is not None
    if not mount.extends:
        vault(mount, "write", "-f", "pachyderm/revoke/robot:test")
        die(mount, login)


def test_the_admin_token_is_gone(mount: Mount) -> None:
    one, other = mount.login(), mount.login()
    kill(cluster(mount), mount.pachd.root_token)
    assert "admin_token" in vault(mount, "read", "-field=problems", "pachyderm/check")
    vault(mount, "lease", "revoke", one.lease)
    die(mount, one)  # by itself
    with pytest.raises(Refused, match="admin_token"):
        mount.write("revoke", {"user_token": other.token})
    with pytest.raises(Refused, match="admin_token"):
        mount.login()
    admin = add_token(cluster(mount), "robot:admin" if mount.extends else "pach:root", ttl=0)
    vault(mount, "write", "pachyderm/config", f"admin_token={admin}")
    assert vault(mount, "read", "-field=problems", "pachyderm/check") == "[]"
    vault(mount, "write", "pachyderm/revoke", f"user_token={other.token}")
    die(mount, other)


def test_the_configuration_is_gone(mount: Mount) -> None:
    login = mount.login()
    vault(mount, "delete", "pachyderm/config")
    vault(mount, "lease", "revoke", login.lease)
    die(mount, login)
