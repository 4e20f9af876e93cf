"""What storage holds is in force, whatever became of the request that changed it."""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import TYPE_CHECKING, Any

import pytest

from shim import BackendError, UserError
from shim.framework.host import HostError
from tests.unit.engine.crash import Crash, Kind
from tests.unit.engine.vault import Vault, eventually, mount_of, token_of

if TYPE_CHECKING:
    from tests.pachd import PachdV2, Simulator
    from tests.unit.engine.cluster import Pachd

TIGHTER = {"allowed_subjects": "robot:y*", "verify": False}
CHANGES: dict[str, dict[str, Any]] = {
    "update": TIGHTER,
    "patch": TIGHTER,
    "delete": {},
}


async def holds(mount: Vault) -> None:
    """A login goes by what storage holds now."""
    entry = mount.entries.get("config")
    if entry is None:
        with pytest.raises(UserError, match="no configuration"):
            await mount.write("login/robot:x")
    elif json.loads(entry)["allowed_subjects"] == ["robot:*"]:
        assert token_of(await mount.write("login/robot:x"))
    else:
        with pytest.raises(UserError, match="not among"):
            await mount.write("login/robot:x")


@pytest.mark.parametrize("kind", [Kind.CANCELLED, Kind.FAILED])
@pytest.mark.parametrize("operation", CHANGES)
async def test_at_each_step(
    mount2: Vault, v2: Simulator[PachdV2], operation: str, kind: Kind
) -> None:
    before = mount2.entries["config"]
    came_to = []
    for at in range(1, 100):
        mount2.entries["config"] = before
        await mount2.backend.invalidate("config")
        await mount2.write("login/robot:warm")
        with Crash(kind, at, mount2, v2, lasts=0.1) as crash:
            task = asyncio.ensure_future(mount2.ask(operation, "config", **CHANGES[operation]))
            came = asyncio.ensure_future(crash.came.wait())
            await asyncio.wait([task, came], return_when=asyncio.FIRST_COMPLETED)
            came.cancel()
            if kind is Kind.CANCELLED:
                task.cancel()
            with contextlib.suppress(asyncio.CancelledError, BackendError, HostError):
                await task
        await holds(mount2)
        if not crash.happened:
            break
        came_to.append(crash.step)
    change = "Storage/Delete" if operation == "delete" else "Storage/Put"
    assert f"after {change}" in came_to


@pytest.mark.parametrize("operation", CHANGES)
async def test_storage_that_took_it_and_never_says_so(mount: Vault, operation: str) -> None:
    await mount.write("login/robot:warm")
    change = "Storage/Delete" if operation == "delete" else "Storage/Put"
    mount.host.storage._deadline = 0.3
    taken = dict(mount.entries)
    mount.silent = change
    with pytest.raises(HostError):
        await mount.ask(operation, "config", **CHANGES[operation])
    assert mount.entries != taken
    await holds(mount)


async def test_storage_that_takes_it_long_after_it_failed(mount: Vault) -> None:
    """A put that ran into its deadline goes on at the host, and may be done while we serve."""
    await mount.write("login/robot:warm")
    before = mount.entries["config"]
    await mount.write("config", **TIGHTER)
    tighter = mount.entries["config"]
    mount.entries["config"] = before
    await mount.backend.invalidate("config")
    await holds(mount)
    mount.silent = "Storage/Put"
    mount.host.storage._deadline = 0.3
    with pytest.raises(HostError):
        await mount.write("config", **TIGHTER)
    mount.silent = ""
    mount.entries["config"] = before
    await holds(mount)
    mount.calls.clear()
    await mount.write("login/robot:z")
    assert mount.calls["Storage/Get"] == 1
    mount.entries["config"] = tighter
    await holds(mount)


async def test_a_doubt_ends(mount: Vault, pachd: Pachd, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vault_plugin.mount._DOUBT", 0.0)
    with Crash(Kind.FAILED, 2, mount, pachd) as crash, pytest.raises(HostError):
        await mount.ask("patch", "config", **TIGHTER)
    assert crash.step == "after Storage/Get"
    with Crash(Kind.FAILED, 4, mount, pachd) as crash, pytest.raises(HostError):
        await mount.ask("patch", "config", **TIGHTER)
    assert crash.step == "after Storage/Put"
    await holds(mount)
    mount.calls.clear()
    for _ in range(3):
        await mount.write("login/robot:y")
    assert mount.calls["Storage/Get"] == 0


async def test_the_next_write_comes_after_one_that_was_given_up(mount: Vault) -> None:
    await mount.write("login/robot:warm")
    mount.delay = 0.2
    given_up = asyncio.ensure_future(mount.ask("update", "config", ttl="7m", verify=False))
    await eventually(lambda: mount.calls["Storage/Put"] > 0)
    given_up.cancel()
    following = asyncio.ensure_future(mount.ask("patch", "config", max_ttl="8m", verify=False))
    with pytest.raises(asyncio.CancelledError):
        await given_up
    await following
    stored = json.loads(mount.entries["config"])
    assert (stored["ttl"], stored["max_ttl"]) == (420, 480)


async def test_a_role_deleted_while_it_is_written_is_gone(mount: Vault) -> None:
    mount.delay = 0.1
    writing = asyncio.ensure_future(mount.ask("update", "roles/r", subject="robot:x"))
    await eventually(lambda: mount.calls["Storage/Put"] > 0)
    writing.cancel()
    await mount.ask("delete", "roles/r")
    assert "roles/r" not in mount.entries
    with pytest.raises(asyncio.CancelledError):
        await writing


async def test_a_rotation_given_up_is_carried_through(mount: Vault, pachd: Pachd) -> None:
    first = json.loads(mount.entries["config"])["admin_token"]
    pachd.faults.slow("WhoAmI", 0.1)
    task = asyncio.ensure_future(mount.write("config/rotate"))
    await eventually(lambda: bool(mount_of(mount.backend).carried))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    stored = json.loads(mount.entries["config"])
    assert stored["admin_token"] != first
    assert (stored["next_token"], stored["old_token"]) == (None, None)
    assert pachd.subject_of(first) is None


async def test_the_mounts_end_waits_for_a_rotation(mount: Vault, pachd: Pachd) -> None:
    first = json.loads(mount.entries["config"])["admin_token"]
    pachd.faults.slow("WhoAmI", 0.1)
    task = asyncio.ensure_future(mount.write("config/rotate"))
    await eventually(lambda: bool(mount_of(mount.backend).carried))
    task.cancel()
    await mount.backend.close()
    stored = json.loads(mount.entries["config"])
    assert stored["admin_token"] != first
    assert stored["old_token"] is None
    with contextlib.suppress(asyncio.CancelledError):
        await task
