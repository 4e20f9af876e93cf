"""Tokens of logins that reached nobody: revoked at once, or by the log where that fails."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from grpc import StatusCode

from shim import BackendError, Operation
from tests.pachd import When
from tests.unit.engine.cluster import mint_method
from tests.unit.engine.vault import eventually, lease_of

if TYPE_CHECKING:
    from tests.unit.engine.cluster import Pachd
    from tests.unit.engine.vault import Vault


def fail(pachd: Pachd) -> None:
    """Let revocations fail."""
    pachd.faults.refuse("RevokeAuthToken", StatusCode.UNKNOWN, "transaction conflict")


async def test_a_login_given_up_whose_revocation_fails_is_left_to_the_log(
    mount: Vault, pachd: Pachd
) -> None:
    await mount.write("login/robot:warm")
    pachd.faults.slow(mint_method(pachd), 0.2, When.AFTER)
    fail(pachd)
    task = asyncio.ensure_future(mount.write("login/robot:x"))
    await eventually(lambda: pachd.live()["robot:x"] == 1)
    task.cancel()
    await eventually(lambda: len(mount.given_entries) == 1)
    await mount.ask(Operation.ROLLBACK, "")
    assert len(mount.given_entries) == 1
    pachd.faults.clear()
    await mount.ask(Operation.ROLLBACK, "")
    assert pachd.live()["robot:x"] == 0
    assert mount.given_entries == []


@pytest.mark.parametrize("crash_safe", [False, True])
async def test_an_answer_nobody_took(mount: Vault, pachd: Pachd, crash_safe: bool) -> None:
    await mount.write("config", crash_safe=crash_safe)
    answer = await mount.write("login/robot:x")
    await mount.not_taken(lease_of(answer))
    assert pachd.live()["robot:x"] == 0
    assert mount.given_entries == []


@pytest.mark.parametrize("crash_safe", [False, True])
async def test_an_answer_nobody_took_while_pachd_fails(
    mount: Vault, pachd: Pachd, crash_safe: bool
) -> None:
    await mount.write("config", crash_safe=crash_safe)
    answer = await mount.write("login/robot:x")
    fail(pachd)
    await mount.not_taken(lease_of(answer))
    assert pachd.live()["robot:x"] == 1
    pachd.faults.clear()
    await mount.ask(Operation.ROLLBACK, "")  # at once, not when its lease would have ended
    assert pachd.live()["robot:x"] == 0
    assert mount.given_entries == []


@pytest.mark.parametrize("crash_safe", [False, True])
async def test_a_lease_that_the_host_could_not_store_is_revoked_though_it_asks_but_once(
    mount: Vault, pachd: Pachd, crash_safe: bool
) -> None:
    await mount.write("config", crash_safe=crash_safe)
    lease = lease_of(await mount.write("login/robot:x"))
    fail(pachd)
    for _ in range(3):
        with pytest.raises(BackendError):
            await mount.revoke(lease)
    assert len(mount.given_entries) == 1
    pachd.faults.clear()
    await mount.ask(Operation.ROLLBACK, "")
    assert pachd.live()["robot:x"] == 0
    assert mount.given_entries == []
