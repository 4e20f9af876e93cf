"""What bounds the engine, on a real server: allowed grants, the end of its own admin tokens."""

import json
import re
import shlex

import pytest

from tests.integration.mount import Mount, Refused
from tests.integration.openbao import VaultServer
from tests.unit.engine.cluster import Pachd, add_admin, kill


def admin_subjects(mount: Mount) -> int:
    """How many tokens the subject of the admin token has."""
    return mount.pachd.live()[mount.read("config")["admin_subject"]]


def test_a_role_grants_what_config_allows(mount: Mount) -> None:
    """And the refusal names a command that works as it stands."""
    grant = "repo:images=READER" if mount.extends else "repo:default/images=repoReader"
    role = {"subject": "robot:job-{{random}}", "grants": grant}
    with pytest.raises(Refused) as told:
        mount.write("roles/job", role)
    assert told.value.status == 400
    command = re.search(r"`(vault patch .+)`", told.value.errors[0])
    assert command is not None
    program, *words = shlex.split(command[1])
    assert program == "vault"
    done = mount.server.cli(*words)
    assert done.returncode == 0, done.stderr
    mount.write("roles/job", role)
    assert mount.read("creds/job")["user_token"]
    mount.server.cli("patch", f"{mount.path}/config", "allowed_grants=")
    with pytest.raises(Refused, match="not among allowed_grants"):
        mount.read("creds/job")


def test_a_list_sent_as_text_is_refused(mount: Mount) -> None:
    for field in ("denied_subjects", "allowed_subjects", "allowed_grants"):
        with pytest.raises(Refused, match=r"commas or as a JSON list") as told:
            mount.write("config", {field: json.dumps(["robot:evil"])})
        assert told.value.status == 400
    with pytest.raises(Refused, match="got null"):
        mount.write("config", {"allowed_subjects": ["robot:a", None]})


def test_a_page_of_the_roles(mount: Mount) -> None:
    for name in "fedcba":
        mount.write(f"roles/{name}", {"subject": "robot:test"})
    for method, more in (("LIST", ""), ("GET", "&list=true")):
        answer = mount.ask(method, f"/v1/{mount.path}/roles?after=b&limit=3{more}")
        if mount.server.kind.title.startswith("Vault"):  # which may not pass it on
            assert set(answer["data"]["keys"]) >= {"c", "d", "e"}
        else:
            assert answer["data"]["keys"] == ["c", "d", "e"]
            assert not answer["warnings"]


def test_the_engines_own_admin_token_ends_with_config(mount: Mount) -> None:
    pachd: Pachd = mount.pachd  # type: ignore[assignment]
    mount.write("config", {"admin_token": add_admin(pachd, "robot:vault")})
    mount.write("config/rotate")
    assert pachd.live()["robot:vault"] == 1
    mount.write("config", {"admin_token": add_admin(pachd, "robot:other")})
    assert pachd.live()["robot:vault"] == 0
    mount.write("config/rotate")
    done = mount.server.cli("delete", f"{mount.path}/config")
    assert done.returncode == 0, done.stderr
    assert pachd.live()["robot:other"] == 0


def test_a_root_token_goes_by_force_alone(mount: Mount) -> None:
    if mount.extends:
        pytest.skip("1.x has no root user")
    mount.write("config/rotate")
    for words in ((), ("force=false",)):
        refused = mount.server.cli("delete", f"{mount.path}/config", *words)
        assert refused.returncode != 0
        assert "force=true" in refused.stderr
    assert admin_subjects(mount) == 1
    done = mount.server.cli("delete", f"{mount.path}/config", "force=true")
    assert done.returncode == 0, done.stderr
    assert mount.pachd.live()["pach:root"] == 0
    mount.configure(admin_token="a-token-for-the-fixture", verify=False)


def test_a_cluster_that_is_away_holds_up_no_write(mount: Mount) -> None:
    """What could not be ended is told, and left to the rollback."""
    pachd: Pachd = mount.pachd  # type: ignore[assignment]
    mount.write("config", {"admin_token": add_admin(pachd, "robot:vault")})
    mount.write("config/rotate")
    pachd.faults.drop("RevokeAuthToken")
    answer = mount.write("config", {"admin_token": add_admin(pachd, "robot:other")})
    assert any("revoked by itself" in warning for warning in answer["warnings"])
    assert "not revoked yet" in mount.read("check")["problems"][0]


def test_a_dead_token_and_no_config_hold_up_no_disabling(
    server: VaultServer, plugin: str, pachd: Pachd
) -> None:
    del plugin
    with Mount(server, "gone", pachd) as mount:
        mount.configure()
        kill(pachd, mount.login().token)
        mount.ask("DELETE", "/v1/gone/config?force=true")
    mounts = server.http("GET", "/v1/sys/mounts")[1]["data"]
    assert "gone/" not in mounts
