"""``check`` and ``revoke/<subject>``, and what the admin token needs for each feature."""

import asyncio
from typing import Any

import pytest
from grpc import StatusCode

from shim import BackendError, UserError
from tests.pachd import Auth, PachdV1, PachdV2, Simulator
from tests.pachd.bindings import CLUSTER_KEY
from tests.unit.engine.cluster import Pachd, add_admin, add_token, is_v1, kill
from tests.unit.engine.conftest import configured
from tests.unit.engine.vault import Vault, token_of


async def found(mount: Vault) -> dict[str, object]:
    data = (await mount.read("check")).data
    assert data is not None
    return dict(data)


async def problem(mount: Vault) -> str:
    problems = (await found(mount))["problems"]
    assert isinstance(problems, list)
    (only,) = problems
    return str(only)


async def test_all_is_well(mount: Vault, pachd: Pachd) -> None:
    v1 = is_v1(pachd)
    may = ["mint tokens", "restore tokens", "tell which tokens there are"]
    may += [] if v1 else ["revoke all tokens of a subject"]
    may += ["grant access to projects and repos"] + ([] if v1 else ["rotate the root token"])
    assert await found(mount) == {
        "pachd_address": pachd.address,
        "reachable": True,
        "generation": "1.x" if v1 else "2.x",
        "pachyderm_version": "1.13.4" if v1 else "2.11.6",
        "cluster_id": pachd.cluster.id,
        "admin_subject": "robot:admin" if v1 else "pach:root",
        "admin_expires": None,
        "admin_may": may,
        "problems": [],
    }


async def test_unreachable(mount: Vault, pachd: Pachd) -> None:
    pachd.die()
    async with asyncio.timeout(5):
        assert pachd.address in await problem(mount)
    assert (await found(mount))["reachable"] is False


async def test_a_bad_admin_token(mount: Vault, pachd: Pachd) -> None:
    kill(pachd, pachd.root_token)
    assert "write a valid admin_token" in await problem(mount)
    assert (await found(mount))["reachable"] is True


async def test_an_end_that_comes_near(mount: Vault, pachd: Pachd) -> None:
    token = add_admin(pachd, ttl=7200)
    answer = await mount.write("config", admin_token=token)
    assert any("within a day" in warning for warning in answer.warnings)
    assert "ends in 1h59m" in await problem(mount)
    assert str((await found(mount))["admin_expires"]).endswith("Z")


async def test_rights_that_are_lacking(mount2: Vault, v2: Simulator[PachdV2]) -> None:
    token = add_token(v2, "robot:weak", ttl=0)
    await mount2.write("config", admin_token=token, verify=False, crash_safe=True)
    problems = (await found(mount2))["problems"]
    assert isinstance(problems, list)
    assert ["may not mint tokens" in problems[0], "may not restore" in problems[1]] == [True] * 2


async def test_auth_is_off(mount: Vault, pachd: Pachd) -> None:
    if isinstance(pachd.cluster, PachdV1):
        pachd.cluster.auth = Auth.INACTIVE
    else:
        pachd.cluster.active = False
    assert "pachctl auth activate" in await problem(mount)


async def test_1x_partially(mount1: Vault, v1: Simulator[PachdV1]) -> None:
    v1.cluster.auth = Auth.PARTIAL
    assert "partially activated" in await problem(mount1)


async def test_2x_without_a_licence(mount2: Vault, v2: Simulator[PachdV2]) -> None:
    await mount2.write("config", admin_token=add_admin(v2))
    v2.cluster.enterprise_active = False
    assert "until its licence is renewed" in await problem(mount2)


async def test_a_pachd_that_was_upgraded(
    vault: Vault, v1: Simulator[PachdV1], v2: Simulator[PachdV2]
) -> None:
    await configured(vault, v1)
    await vault.write("login/robot:x")
    v1.faults.refuse("WhoAmI", StatusCode.UNIMPLEMENTED, "unknown service auth.API", times=1)
    assert "changed its generation" in await problem(vault)
    assert (await found(vault))["problems"] == []


async def test_every_token_of_a_subject(mount2: Vault, v2: Simulator[PachdV2]) -> None:
    for _ in range(3):
        await mount2.write("login/robot:x")
    await mount2.write("login/robot:xy")
    assert (await mount2.write("revoke/robot:x")).data == {"revoked": 3}
    assert (await mount2.write("revoke/robot:x")).data == {"revoked": 0}
    assert v2.live()["robot:xy"] == 1


async def test_1x_has_no_such_call(mount1: Vault) -> None:
    with pytest.raises(UserError, match="vault lease revoke -prefix <mount>/login/robot:x"):
        await mount1.write("revoke/robot:x")


async def test_subjects_that_are_never_revoked(mount: Vault, pachd: Pachd) -> None:
    own = "robot:admin" if is_v1(pachd) else "pach:root"
    for subject, why in ((own, "own admin"), ("pach:x", "own"), ("x", "one colon")):
        with pytest.raises(UserError, match=why):
            await mount.write(f"revoke/{subject}")
    assert pachd.live().total() == 1


GRANT = {"subject": "robot:{{random}}", "grants": "repo:default/images=repoReader"}


@pytest.mark.parametrize("role", ["robotUser", "clusterAdmin"])
async def test_2x_what_each_feature_needs(mount2: Vault, v2: Simulator[PachdV2], role: str) -> None:
    """The table in docs/tokens.md, by pachd's own table of permissions."""
    token = add_admin(v2)
    v2.cluster.bindings.set(CLUSTER_KEY, "robot:vault", [role])
    await mount2.write("config", admin_token=token, allowed_grants=GRANT["grants"])
    answer = await mount2.write("login/robot:x")
    assert answer.lease is not None
    await mount2.renew(answer.lease, 60)
    await mount2.revoke(answer.lease)
    answer = await mount2.write("login/robot:x")
    assert (await mount2.write("revoke", user_token=token_of(answer))).data == {"revoked": 1}
    await mount2.write("config/rotate")
    await mount2.write("roles/r", **GRANT)
    needs_all: list[tuple[str, dict[str, Any]]] = [
        ("revoke/robot:x", {}),
        ("creds/r", {}),
        ("config", {"crash_safe": True, "allowed_subjects": "*"}),
        ("login/user:me", {}),
    ]
    for path, data in needs_all:
        if role == "clusterAdmin":
            await mount2.write(path, **data)
        else:
            with pytest.raises(BackendError) as refusal:
                await mount2.write(path, **data)
            assert isinstance(refusal.value, UserError) or refusal.value.status == 400


async def test_1x_nobody_but_an_admin(vault: Vault, v1: Simulator[PachdV1]) -> None:
    with pytest.raises(UserError, match="may not mint tokens; it must be a cluster admin"):
        await configured(vault, v1, add_token(v1, "robot:plain"))
