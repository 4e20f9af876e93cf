"""``crash_safe``: what it needs, what it stores, and clocks that do not agree."""

import asyncio
import json
import time

import pytest

from shim import BackendError, StorageError, UserError
from tests.pachd import ManualClock, PachdV1, PachdV2, Simulator, When
from tests.pachd.tokens import hashed
from tests.unit.engine.cluster import Pachd, add_admin, add_token, is_v1, simulator
from tests.unit.engine.conftest import configured
from tests.unit.engine.vault import Vault, lease_of, token_of
from vault_plugin import minting
from vault_plugin.engine import backend


async def safe(mount: Vault, **fields: object) -> None:
    await mount.write("config", crash_safe=True, **fields)


async def test_the_token_is_hashed_as_pachd_does(mount: Vault, pachd: Pachd) -> None:
    await safe(mount)
    answer = await mount.write("login/robot:x")
    assert pachd.cluster.tokens.get(hashed(token_of(answer))) is not None
    assert pachd.subject_of(token_of(answer)) == "robot:x"
    lease = lease_of(answer)
    ends = pachd.ends(token_of(answer))
    assert ends is not None
    assert ends > time.time() + lease.ttl
    assert mount.log_entries == []
    await mount.revoke(lease_of(await mount.renew(lease, 300)))
    assert pachd.live()["robot:x"] == 0


@pytest.mark.parametrize("shown", ["renewal", "revocation"])
async def test_the_log_knows_of_a_token_until_the_host_shows_its_lease(
    mount: Vault, pachd: Pachd, shown: str
) -> None:
    await safe(mount)
    answer = await mount.write("login/robot:x", ttl="100s")
    lease = lease_of(answer)
    (key,) = mount.given_entries
    assert key in mount.sealed
    assert json.loads(mount.entries[key])["min_age"] == 100 + 60
    if shown == "renewal":
        renewed = lease_of(await mount.renew(lease, 300))
        assert mount.given_entries == []
        mount.calls.clear()
        await mount.renew(renewed, 400)
        assert mount.calls["Storage/Delete"] == 0, "once is enough"
        await mount.roll_back()
        assert pachd.subject_of(token_of(answer)) == "robot:x"
    else:
        await mount.revoke(lease)
        assert mount.given_entries == []


async def test_a_token_without_a_lease_is_revoked_once_the_lease_would_have_ended(
    mount: Vault, pachd: Pachd
) -> None:
    await safe(mount)
    token = token_of(await mount.write("login/robot:x", ttl="100s"))
    mount.age_log(155)
    await mount.ask("rollback", "")
    assert pachd.subject_of(token) == "robot:x"
    mount.replace(backend())  # which has read none of it yet
    mount.age_log(10)
    await mount.ask("rollback", "")
    assert pachd.subject_of(token) is None
    assert mount.given_entries == []


async def test_a_renewal_is_refused_while_the_log_cannot_be_told(
    mount: Vault, pachd: Pachd
) -> None:
    await safe(mount)
    answer = await mount.write("login/robot:x", ttl="100s")
    mount.read_only = True
    pachd.forget()
    with pytest.raises(StorageError):
        await mount.renew(lease_of(answer), 300)
    assert pachd.journal() == []


async def test_a_revocation_does_not_need_the_log(mount: Vault, pachd: Pachd) -> None:
    """A standby revokes too, and may not write."""
    await safe(mount)
    answer = await mount.write("login/robot:x")
    mount.read_only = True
    await mount.revoke(lease_of(answer))
    assert pachd.subject_of(token_of(answer)) is None
    mount.read_only = False
    await mount.roll_back()
    assert mount.given_entries == []


async def test_the_log_entry(mount: Vault, pachd: Pachd) -> None:
    await safe(mount, request_timeout="3s")
    pachd.faults.drop("RestoreAuthToken", When.AFTER)
    with pytest.raises(BackendError):
        await mount.write("login/robot:x")
    (key,) = mount.log_entries
    assert key in mount.sealed
    assert json.loads(mount.entries[key])["min_age"] == 2 * 3 + 60
    pachd.faults.clear()
    await mount.ask("rollback", "")  # it is too young
    assert mount.log_entries == [key]
    assert pachd.live()["robot:x"] == 1
    await mount.roll_back()
    assert mount.log_entries == []
    assert pachd.live()["robot:x"] == 0


async def test_pachd_is_down_at_the_rollback(mount: Vault, pachd: Pachd) -> None:
    await safe(mount)
    pachd.faults.drop("RestoreAuthToken", When.AFTER)
    with pytest.raises(BackendError):
        await mount.write("login/robot:x")
    pachd.faults.clear()
    pachd.die()
    await mount.roll_back()
    assert len(mount.log_entries) == 1
    pachd.restart()
    await mount.roll_back()
    assert mount.log_entries == []
    assert pachd.live()["robot:x"] == 0


@pytest.mark.parametrize("gone", ["config", "admin"])
async def test_rollback_by_the_token_itself(mount: Vault, pachd: Pachd, gone: str) -> None:
    await safe(mount)
    pachd.faults.drop("RestoreAuthToken", When.AFTER)
    with pytest.raises(BackendError):
        await mount.write("login/robot:x")
    pachd.faults.clear()
    if gone == "config":
        await mount.ask("delete", "config")
    else:
        pachd.cluster.tokens.delete(hashed(pachd.root_token))
    await mount.roll_back()
    assert mount.log_entries == []
    assert pachd.live()["robot:x"] == 0


async def test_read_only_storage_is_told_before_pachd_hears_of_it(
    mount: Vault, pachd: Pachd
) -> None:
    await safe(mount)
    await mount.write("login/robot:warm")
    pachd.forget()
    mount.read_only = True
    with pytest.raises(StorageError, match=r"^cannot write to readonly storage$"):
        await mount.write("login/robot:x")
    assert pachd.journal() == []


async def test_an_admin_without_the_right(vault: Vault, v2: Simulator[PachdV2]) -> None:
    weak = add_admin(v2)
    with pytest.raises(UserError, match="may not restore tokens; crash_safe=true needs"):
        await configured(vault, v2, weak, crash_safe=True)
    assert vault.entries == {}
    await configured(vault, v2, weak)
    assert token_of(await vault.write("login/robot:x"))
    with pytest.raises(UserError, match="clusterAdmin"):
        await vault.ask("patch", "config", crash_safe=True)
    await vault.write("config", crash_safe=True, verify=False)
    with pytest.raises(BackendError, match="clusterAdmin") as refusal:
        await vault.write("login/robot:x")
    assert refusal.value.status == 400
    assert vault.log_entries == []
    assert v2.live()["robot:x"] == 1


@pytest.mark.parametrize("generation", [PachdV1, PachdV2])
@pytest.mark.parametrize("ahead", [-7200, -3, 0, 3, 7, 8, 9, 10, 10.5, 11, 11.5, 12, 13, 7200])
async def test_clocks_apart(
    vault: Vault, generation: type[PachdV1 | PachdV2], ahead: float
) -> None:
    """However pachd's clock differs, no token without an end is given out or left."""
    clock = ManualClock(time.time() + ahead)
    with simulator(generation, clock=clock) as pachd:
        await configured(vault, pachd, crash_safe=True, request_timeout="3s")
        answer, refusal = None, ""
        try:
            answer = await vault.write("login/robot:x", ttl="5s", renewable=False)
        except BackendError as error:
            refusal = str(error)
        assert ("clock" in refusal) == (answer is None)
        assert "admin_token" not in refusal
        assert vault.log_entries == []
        assert (answer is None) == (pachd.live()["robot:x"] == 0)
        if answer is not None:
            assert pachd.ends(token_of(answer)) is not None
        assert (answer is not None) == (ahead <= (5 if is_v1(pachd) else 10)), ahead


async def test_whole_seconds_of_1x_fit_the_shortest_request_timeout(
    vault: Vault, v1: Simulator[PachdV1]
) -> None:
    await configured(vault, v1, crash_safe=True, request_timeout="1s")
    assert token_of(await vault.write("login/robot:x", ttl="5s"))


async def test_grants_that_take_their_time_do_not_shorten_the_token(
    mount2: Vault, v2: Simulator[PachdV2]
) -> None:
    grants = ["repo:default/images=repoReader", "project:default=projectViewer"]
    await mount2.write("config", request_timeout="1s", allowed_grants=grants)
    await mount2.write("roles/r", subject="robot:{{random}}", grants=grants, ttl="1s")
    v2.faults.slow("ModifyRoleBinding", 0.8)
    answer = await mount2.read("creds/r")
    ends = v2.ends(token_of(answer))
    assert ends is not None
    assert ends > time.time() + 1


async def test_2x_people(mount2: Vault, v2: Simulator[PachdV2]) -> None:
    await safe(mount2)
    with pytest.raises(UserError, match="not among allowed_subjects"):
        await mount2.write("login/user:me@example.com")
    await safe(mount2, allowed_subjects="robot:*,user:me@*")
    answer = await mount2.write("login/user:me@example.com")
    assert v2.subject_of(token_of(answer)) == "user:me@example.com"
    await mount2.revoke(lease_of(answer))
    assert v2.live()["user:me@example.com"] == 0
    with pytest.raises(UserError, match="not among allowed_subjects"):
        await mount2.write("login/user:you@example.com")


async def test_1x_people_are_minted_by_pachd(vault: Vault) -> None:
    with Simulator(PachdV1(identity_providers=["okta"])) as pachd:
        await configured(vault, pachd, crash_safe=True, allowed_subjects="robot:*,okta:*")
        pachd.forget()
        answer = await vault.write("login/okta:me@example.com")
        assert pachd.subject_of(token_of(answer)) == "okta:me@example.com"
        assert pachd.counts()["GetAuthToken"] == 1


async def test_two_calls_and_two_writes(mount: Vault, pachd: Pachd) -> None:
    await safe(mount)
    await mount.write("login/robot:warm")
    pachd.forget()
    mount.calls.clear()
    await mount.write("login/robot:x")
    assert dict(pachd.counts()) == {"RestoreAuthToken": 1, "WhoAmI": 1}
    storage = {name: n for name, n in mount.calls.items() if name.startswith("Storage")}
    assert storage == {"Storage/Put": 2}


async def test_many_at_once(mount: Vault, pachd: Pachd) -> None:
    await safe(mount)
    await asyncio.gather(*(mount.write(f"login/robot:{n}") for n in range(20)))
    assert sum(pachd.live().values()) == 21
    assert mount.log_entries == []
    assert add_token(pachd, "robot:z")


async def test_a_login_that_a_rollback_may_have_met_is_refused(
    mount: Vault, pachd: Pachd, monkeypatch: pytest.MonkeyPatch
) -> None:
    await safe(mount)
    monkeypatch.setattr(minting, "_GRACE", -1000)  # as if it had taken so long
    with pytest.raises(BackendError, match="took so long"):
        await mount.write("login/robot:test")
    assert pachd.live()["robot:test"] == 0
    assert mount.log_entries == []
