"""Admin tokens that only the engine knows end when config holds them no longer."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from typing import TYPE_CHECKING, Any

import pytest
from grpc import StatusCode

from shim import BackendError, UserError
from shim.framework.host import HostError
from tests.pachd import PachdV1, PachdV2, Simulator, When, self_signed
from tests.unit.engine.cluster import Pachd, add_admin, is_v1, sent, simulator
from tests.unit.engine.conftest import configured
from tests.unit.engine.crash import FOREVER, Crash, Kind
from tests.unit.engine.vault import Vault, mount_of, token_of
from vault_plugin import retired_admin
from vault_plugin.engine import backend

if TYPE_CHECKING:
    from pathlib import Path


def stored(mount: Vault) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(mount.entries["config"])
    return found


async def rotated(mount: Vault) -> str:
    """The admin token after a rotation, which nobody but the engine knows."""
    await mount.write("config/rotate")
    return str(stored(mount)["admin_token"])


async def interrupted(mount: Vault, pachd: Pachd) -> set[str]:
    """The tokens of a rotation that could not be finished."""
    await mount.write("config/rotate")
    pachd.faults.refuse("RevokeAuthToken", StatusCode.INTERNAL, "not now")
    with pytest.raises(BackendError):
        await mount.write("config/rotate")
    pachd.faults.clear()
    config = stored(mount)
    tokens = {config[name] for name in ("admin_token", "next_token", "old_token")} - {None}
    assert len(tokens) == 2
    return tokens


async def problems(mount: Vault) -> list[str]:
    data = (await mount.read("check")).data
    assert data is not None
    found: list[str] = data["problems"]
    return found


async def test_another_takes_its_place(mount: Vault, pachd: Pachd) -> None:
    made = await rotated(mount)
    answer = await mount.write("config", admin_token=add_admin(pachd))
    assert pachd.subject_of(made) is None
    assert mount.admin_entries == []
    assert [w for w in answer.warnings if "root user" in w] == (
        [] if is_v1(pachd) else answer.warnings
    )
    assert token_of(await mount.write("login/robot:x"))


async def test_the_operators_own_lives_on(mount: Vault, pachd: Pachd) -> None:
    first = add_admin(pachd, "robot:first")
    await mount.write("config", admin_token=first)
    await mount.write("config", admin_token=add_admin(pachd, "robot:second"))
    await mount.ask("delete", "config")
    await mount.roll_back()
    assert pachd.subject_of(first) == "robot:first"
    assert pachd.subject_of(pachd.root_token) is not None
    assert pachd.live()["robot:second"] == 1


async def test_the_same_again_lives_on(mount: Vault, pachd: Pachd) -> None:
    made = await rotated(mount)
    for address in (pachd.address, f"grpc://{pachd.address}"):
        await mount.write("config", admin_token=made, pachd_address=address)
        assert stored(mount)["admin_made"]
    await mount.roll_back()
    assert pachd.subject_of(made) is not None


async def test_config_is_deleted(mount: Vault, pachd: Pachd) -> None:
    await mount.write("config", admin_token=add_admin(pachd))
    made = await rotated(mount)
    assert (await mount.ask("delete", "config")).warnings == []
    assert pachd.subject_of(made) is None
    assert mount.entries == {}


async def test_the_root_token_is_spared(mount2: Vault, v2: Simulator[PachdV2]) -> None:
    await mount2.ask("delete", "config")  # the operator's own
    await configured(mount2, v2)
    made = await rotated(mount2)
    before = dict(mount2.entries)
    for force in ({}, {"force": False}, {"force": "false"}):
        with pytest.raises(UserError, match=r"root token.*force=true"):
            await mount2.ask("delete", "config", **force)
    assert mount2.entries == before
    assert v2.subject_of(made) == "pach:root"
    await mount2.ask("delete", "config", force="true")
    assert v2.live()["pach:root"] == 0
    assert mount2.entries == {}


async def test_the_root_token_of_an_interrupted_rotation_is_spared(
    mount2: Vault, v2: Simulator[PachdV2]
) -> None:
    v2.faults.drop("RotateRootToken", When.AFTER, times=1)
    with pytest.raises(BackendError):
        await mount2.write("config/rotate")
    with pytest.raises(UserError, match="force=true"):
        await mount2.ask("delete", "config")
    await mount2.ask("delete", "config", force=True)
    assert v2.live()["pach:root"] == 0


@pytest.mark.parametrize("deleted", [False, True])
async def test_an_interrupted_rotations_tokens(mount: Vault, pachd: Pachd, deleted: bool) -> None:
    await mount.write("config", admin_token=add_admin(pachd))
    tokens = await interrupted(mount, pachd)
    if deleted:
        await mount.ask("delete", "config")
    else:
        await mount.write("config", admin_token=add_admin(pachd, "robot:another"))
    assert {pachd.subject_of(token) for token in tokens} == {None}
    assert mount.admin_entries == []


async def test_unproven_the_old_one_lives(mount: Vault, pachd: Pachd) -> None:
    made = await rotated(mount)
    answer = await mount.write("config", admin_token="not-a-token-of-pachd", verify=False)
    assert any("once the new one is proven" in warning for warning in answer.warnings)
    for _ in range(2):
        await mount.roll_back()
        assert pachd.subject_of(made) is not None
    assert "not revoked yet" in (await problems(mount))[0]
    mount.replace(backend())
    await mount.write("config", admin_token=add_admin(pachd), verify=False)
    assert pachd.subject_of(made) is not None
    await mount.roll_back()
    assert pachd.subject_of(made) is None
    assert mount.admin_entries == []
    assert await problems(mount) == []


async def test_proven_by_a_login_and_ended_by_the_rollback(mount: Vault, pachd: Pachd) -> None:
    made = await rotated(mount)
    await mount.write("config", admin_token=add_admin(pachd), verify=False)
    await mount.write("login/robot:x")
    await mount.roll_back()
    assert pachd.subject_of(made) is None


async def test_a_write_that_is_refused_ends_nothing(mount: Vault, pachd: Pachd) -> None:
    made = await rotated(mount)
    with pytest.raises(UserError):
        await mount.write("config", admin_token="not-a-token-of-pachd")
    mount.read_only = True
    with pytest.raises(HostError):
        await mount.write("config", admin_token=add_admin(pachd))
    mount.read_only = False
    await mount.roll_back()
    assert mount.admin_entries == []
    assert pachd.subject_of(made) is not None
    assert token_of(await mount.write("login/robot:x"))


@pytest.mark.parametrize("deleted", [False, True])
async def test_a_cluster_that_does_not_answer_holds_nothing_up(
    mount: Vault, pachd: Pachd, other: Pachd, monkeypatch: pytest.MonkeyPatch, deleted: bool
) -> None:
    monkeypatch.setattr("vault_plugin.retired_admin._AT_ONCE", 0.3)
    await mount.write("config", admin_token=add_admin(pachd), request_timeout="60s")
    made = await rotated(mount)
    pachd.faults.slow("RevokeAuthToken", FOREVER, When.BEFORE)
    begun = time.monotonic()
    if deleted:
        answer = await mount.ask("delete", "config")
    else:
        answer = await mount.write(
            "config", admin_token=other.root_token, pachd_address=other.address
        )
        assert "not revoked yet" in (await problems(mount))[0]
    assert time.monotonic() - begun < 30
    assert any(f"lives on at {pachd.address}" in warning for warning in answer.warnings)
    assert ("config" in mount.entries) != deleted
    pachd.faults.clear()
    mount.replace(backend())
    await mount.roll_back()
    assert pachd.subject_of(made) is None
    assert mount.admin_entries == []


async def test_it_is_told_to_its_own_cluster_alone(
    mount: Vault, pachd: Pachd, other: Pachd
) -> None:
    made = await rotated(mount)
    await mount.write("config", admin_token=other.root_token, pachd_address=other.address)
    assert pachd.subject_of(made) is None
    assert sent(other) == {other.root_token}
    assert other.root_token not in sent(pachd)
    assert other.counts()["RevokeAuthToken"] == 0


async def test_it_is_never_sent_in_plain_text_when_it_came_over_tls(
    mount: Vault, pachd: Pachd
) -> None:
    made = await rotated(mount)
    config = stored(mount) | {"pachd_address": f"grpcs://{pachd.address}", "request_timeout": 1}
    mount.entries["config"] = json.dumps(config).encode()
    await mount.backend.invalidate("config")
    pachd.forget()
    answer = await mount.write(
        "config", admin_token=add_admin(pachd), pachd_address=f"grpc://{pachd.address}"
    )
    assert any("lives on" in warning for warning in answer.warnings)
    assert made not in sent(pachd)
    assert pachd.counts()["RevokeAuthToken"] == 0
    await mount.roll_back()
    # Only to be revoked, by another, where the cluster has proved to hold it.
    proven = pachd.counts()["ExtractAuthTokens"] > 0 and is_v1(pachd)
    assert made not in sent(pachd)
    assert pachd.counts()["RevokeAuthToken"] == proven
    assert len(mount.admin_entries) == (not proven)


@pytest.mark.parametrize("taken", ["by nobody", "by another cluster"])
async def test_its_cluster_has_moved(
    mount: Vault,
    pachd: Pachd,
    other: Pachd,
    monkeypatch: pytest.MonkeyPatch,
    taken: str,
) -> None:
    """Config's cluster ends it, which proved to be the same by the token's hash."""
    monkeypatch.setattr("vault_plugin.retired_admin._AT_ONCE", 2.0)
    await mount.write("config", admin_token=add_admin(pachd), request_timeout="2s")
    made = await rotated(mount)
    there: Pachd = Simulator(pachd.cluster)  # type: ignore[assignment]
    with there:
        if taken == "by nobody":
            pachd.faults.drop("*", When.BEFORE)
        else:
            here = json.loads(mount.entries["config"]) | {"pachd_address": other.address}
            mount.entries["config"] = json.dumps(here).encode()
            await mount.backend.invalidate("config")
        answer = await mount.write(
            "config", admin_token=pachd.root_token, pachd_address=there.address
        )
        assert any("lives on" in warning for warning in answer.warnings)
        await mount.roll_back()
        assert pachd.subject_of(made) is None
        assert mount.admin_entries == []
        assert made not in sent(there)
        if taken != "by nobody":
            assert other.counts()["RevokeAuthToken"] == 0


async def test_a_bundle_that_storage_no_longer_gives(
    mount2: Vault, v2: Simulator[PachdV2], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A token that storage did not take is ended without asking storage how to trust pachd."""
    await mount2.write(
        "config", admin_token=add_admin(v2), ca_cert=self_signed("x").certificate.decode()
    )
    puts = mount2.calls["Storage/Put"]
    mount2.fails = lambda name: mount2.calls["Storage/Put"] > puts + 1
    with pytest.raises(HostError):
        await mount2.write("config/rotate")
    mount2.fails = lambda _: False
    assert v2.live()["robot:vault"] == 1


async def test_a_token_its_cluster_does_not_know_is_dead_at_the_second_word(
    mount: Vault, pachd: Pachd, other: Pachd, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = await rotated(mount)
    pachd.faults.refuse("RevokeAuthToken", StatusCode.UNAUTHENTICATED, "corrupted or has expired")
    await mount.write("config", admin_token=other.root_token, pachd_address=other.address)
    await mount.roll_back()
    assert len(mount.admin_entries) == 1
    monkeypatch.setattr("vault_plugin.retired_admin.DOUBT", 0.0)
    await mount.roll_back()
    assert mount.admin_entries == []
    assert pachd.subject_of(made) is not None  # pachd lied


async def test_an_end_that_is_past_for_a_day(
    mount: Vault, pachd: Pachd, other: Pachd, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vault_plugin.retired_admin._AT_ONCE", 2.0)
    await mount.write("config", admin_token=add_admin(pachd, ttl=9000))
    await rotated(mount)
    pachd.faults.refuse("RevokeAuthToken", StatusCode.UNAVAILABLE, "gone")
    await mount.write("config", admin_token=other.root_token, pachd_address=other.address)
    (key,) = mount.admin_entries
    entry = json.loads(mount.entries[key])
    assert 8000 < entry["data"]["ends"] - time.time() < 9001
    entry["data"]["ends"] -= 9000 + 24 * 3600
    mount.entries[key] = json.dumps(entry).encode()
    await mount.roll_back()
    assert mount.admin_entries == []


async def test_auth_is_off_at_its_cluster(mount: Vault, pachd: Pachd, other: Pachd) -> None:
    await rotated(mount)
    pachd.faults.refuse(
        "RevokeAuthToken", StatusCode.UNIMPLEMENTED, "the auth service is not activated"
    )
    pachd.faults.refuse("GetAdmins", StatusCode.UNIMPLEMENTED, "the auth service is not activated")
    await mount.write("config", admin_token=other.root_token, pachd_address=other.address)
    assert mount.admin_entries == []


async def test_a_minted_token_that_storage_and_pachd_refuse(
    mount2: Vault, v2: Simulator[PachdV2]
) -> None:
    """By a robotUser's rotation: only pachd can make the token, and nobody else knows it."""
    await mount2.write("config", admin_token=add_admin(v2))
    v2.faults.refuse("RevokeAuthToken", StatusCode.UNAVAILABLE, "gone")
    puts = mount2.calls["Storage/Put"]
    mount2.fails = lambda name: name == "Storage/Put" and mount2.calls[name] > puts + 1
    with pytest.raises(HostError):
        await mount2.write("config/rotate")
    assert v2.live()["robot:vault"] == 2
    with pytest.raises(HostError):
        await mount2.roll_back()
    mount2.fails = lambda _: False
    with contextlib.suppress(BackendError):
        await mount2.roll_back()
    assert len(mount2.admin_entries) == 1
    v2.faults.clear()
    doubt_ends(mount2)
    await mount2.roll_back()
    assert v2.live()["robot:vault"] == 1
    assert mount2.admin_entries == []
    assert token_of(await mount2.write("login/robot:x"))


CHANGES: dict[str, dict[str, Any]] = {
    "update": {},
    "update unseen": {"verify": False},
    "delete": {},
}


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("generation", [PachdV1, PachdV2])
async def test_at_each_step(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    generation: type[PachdV1 | PachdV2],
    change: str,
    kind: Kind,
) -> None:
    """Killed, given up or failed anywhere: it lives where config holds it, and only there."""
    monkeypatch.setattr("vault_plugin.retired_admin.DOUBT", 0.0)
    operation, *_ = change.split()
    steps = 0
    async with Vault(backend()) as mount:
        for at in range(1, 60):
            with simulator(generation) as pachd:
                await configured(mount, pachd, add_admin(pachd), request_timeout="5s")
                made = await rotated(mount)
                mine = add_admin(pachd, "robot:mine")
                fields = {} if operation == "delete" else {"admin_token": mine, **CHANGES[change]}
                lasts = 0.1 if kind is Kind.CANCELLED else FOREVER
                with Crash(kind, at, mount, pachd, lasts) as crash:
                    task = asyncio.ensure_future(mount.ask(operation, "config", **fields))
                    came = asyncio.ensure_future(crash.came.wait())
                    await asyncio.wait([task, came], return_when=asyncio.FIRST_COMPLETED)
                    came.cancel()
                    if kind is Kind.KILLED and not task.done():
                        mount.replace(backend())
                    if kind is not Kind.FAILED:
                        task.cancel()
                    with contextlib.suppress(asyncio.CancelledError, BackendError, HostError):
                        await task
                await mount.backend.invalidate("config")
                doubt_ends(mount)
                for _ in range(2):  # of a token that is dead pachd says so twice
                    await mount.roll_back()
                held = stored(mount)["admin_token"] if "config" in mount.entries else ""
                assert held in (made, "" if operation == "delete" else mine)
                assert (pachd.subject_of(made) is not None) == (held == made), crash.steps
                assert pachd.subject_of(mine) is not None
                assert mount.admin_entries == [], crash.steps
                if not crash.happened:
                    assert held != made
                    break
                steps += 1
                mount.entries.clear()
                await mount.backend.invalidate("config")
    assert steps >= 6


def doubt_ends(mount: Vault) -> None:
    """Let the time be over in which storage might take a change that it gave no answer to."""
    mount_of(mount.backend)._doubted = 0.0


async def test_a_pachd_that_takes_nobodys_token_proves_nothing(
    mount: Vault, pachd: Pachd, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As 2.x says of every token while its database fails."""
    monkeypatch.setattr(retired_admin, "DOUBT", 0.0)
    made = await rotated(mount)
    unknown = "provided auth token is corrupted or has expired (try logging in again)"
    pachd.faults.refuse("RevokeAuthToken", StatusCode.UNAUTHENTICATED, unknown)
    await mount.write("config", admin_token=add_admin(pachd))
    await mount.roll_back()
    await mount.roll_back()
    assert len(mount.admin_entries) == 1
    pachd.faults.clear()
    await mount.roll_back()
    assert pachd.subject_of(made) is None
    assert mount.admin_entries == []
