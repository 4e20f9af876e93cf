"""How many calls run at once, and what becomes of the others."""

import asyncio
import time
from pathlib import Path

import pytest
from grpc import StatusCode

from shim import BackendError, Response
from tests.pachd import PachdV2, Simulator, When
from tests.unit.engine.cluster import Pachd, mint_method
from tests.unit.engine.conftest import configured
from tests.unit.engine.vault import Vault, eventually, lease_of, settle
from vault_plugin.engine import backend
from vault_plugin.pachyderm import client
from vault_plugin.pachyderm.errors import PachdError


async def logins(mount: Vault, number: int) -> list[Response | BaseException]:
    asked = (mount.write(f"login/robot:{n}") for n in range(number))
    return await asyncio.gather(*asked, return_exceptions=True)


def failures(answers: list[Response | BaseException]) -> list[str]:
    return [str(answer) for answer in answers if isinstance(answer, BaseException)]


@pytest.mark.parametrize("limit", [1, 3, 6])
async def test_never_more_than_max_in_flight(mount: Vault, pachd: Pachd, limit: int) -> None:
    await mount.write("config", max_in_flight=limit)
    pachd.faults.slow(mint_method(pachd), 0.02)
    assert failures(await logins(mount, 12)) == []
    assert pachd.busiest == limit


async def test_2x_60_logins_at_once_where_16_calls_would_hang_each_other(
    mount2: Vault, v2: Simulator[PachdV2]
) -> None:
    v2.cluster.database.round_trip = 0.02
    assert failures(await logins(mount2, 60)) == []
    assert v2.busiest <= 6
    assert sum(v2.live().values()) == 61


async def test_2x_mounts_of_one_pachd_count_together(
    mount2: Vault, v2: Simulator[PachdV2], tmp_path: Path
) -> None:
    """Each on its own keeps below the limit, and both together would hang each other."""
    v2.cluster.database.round_trip = 0.02
    (tmp_path / "other").mkdir()
    async with Vault(backend()) as other:
        await configured(other, v2)
        both = await asyncio.gather(logins(mount2, 30), logins(other, 30))
        assert failures([*both[0], *both[1]]) == []
        assert v2.busiest <= 6


async def test_2x_without_the_limit_they_hang(mount2: Vault, v2: Simulator[PachdV2]) -> None:
    """The test above can fail."""
    await mount2.write("config", max_in_flight=64, request_timeout="1s")
    v2.cluster.database.round_trip = 0.05
    assert "no answer within 1s" in " ".join(failures(await logins(mount2, 20)))


async def test_who_cannot_be_served_in_time_is_told_so(mount: Vault, pachd: Pachd) -> None:
    await mount.write("config", max_in_flight=1, request_timeout="1s")
    await mount.write("login/robot:warm")
    pachd.faults.slow(mint_method(pachd), 0.7)
    started = time.monotonic()
    refused = failures(await logins(mount, 6))
    assert time.monotonic() - started < 3
    assert len(refused) == 5
    assert sum("overloaded: " in words for words in refused) == 4
    pachd.faults.clear()
    assert failures(await logins(mount, 6)) == [], "every slot is free again"


async def test_a_crowd_at_a_pachd_that_hangs_is_refused(mount: Vault, pachd: Pachd) -> None:
    """Those that its 60 seconds do not suffice for, and none of the host's own."""
    await mount.write("config", request_timeout="60s")
    lease = lease_of(await mount.write("login/robot:lease"))
    pachd.faults.slow(mint_method(pachd), 120)
    pachd.faults.slow("RevokeAuthToken", 0)
    asked = [asyncio.ensure_future(mount.write(f"login/robot:{n}")) for n in range(300)]
    revoked = asyncio.ensure_future(mount.revoke(lease))
    await eventually(lambda: sum(task.done() for task in asked) >= 240)
    await revoked
    with pytest.raises(PachdError, match="overloaded") as refusal:
        await mount.write("login/robot:late")
    assert refusal.value.status == 429
    assert all("overloaded" in str(task.exception()) for task in asked if task.done())
    for task in asked:
        task.cancel()
    pachd.drop_connections()
    await asyncio.gather(*asked, return_exceptions=True)


async def test_those_who_wait_for_a_connection_are_counted_too(
    mount2: Vault, v2: Simulator[PachdV2], monkeypatch: pytest.MonkeyPatch
) -> None:
    lease = lease_of(await mount2.write("login/robot:lease"))
    monkeypatch.setattr(client, "_MOST_CALLS", 10)
    v2.drop_connections()
    await settle()
    v2.freeze()
    asked = [asyncio.ensure_future(mount2.write(f"login/robot:{n}")) for n in range(15)]
    revoked = asyncio.ensure_future(mount2.revoke(lease))
    await asyncio.wait(asked, return_when=asyncio.FIRST_COMPLETED)
    await eventually(lambda: sum(task.done() for task in asked) == 6)  # and one revocation
    refusals = [task.exception() for task in asked if task.done()]
    assert all("10 calls are under way or wait" in str(refusal) for refusal in refusals)
    assert {getattr(refusal, "status", 0) for refusal in refusals} == {429}
    v2.thaw()
    await revoked
    assert failures(await asyncio.gather(*asked, return_exceptions=True)) == [
        str(refusal) for refusal in refusals
    ]


async def test_300_callers_of_a_pachd_that_is_well_are_all_served(
    mount: Vault, pachd: Pachd
) -> None:
    assert failures(await logins(mount, 300)) == []


async def test_slots_of_cancelled_calls_are_free_again(mount: Vault, pachd: Pachd) -> None:
    await mount.write("config", max_in_flight=2, request_timeout="2s")
    pachd.faults.slow(mint_method(pachd), 0.3)
    asked = [asyncio.ensure_future(mount.write("login/robot:x")) for _ in range(8)]
    await eventually(lambda: pachd.counts()[mint_method(pachd)] == 2)
    for task in asked:
        task.cancel()
    await asyncio.gather(*asked, return_exceptions=True)
    pachd.faults.clear()
    assert failures(await logins(mount, 8)) == []
    await eventually(lambda: pachd.live()["robot:x"] == 0)


@pytest.mark.parametrize("when", list(When))
async def test_a_login_given_up_leaves_no_token(mount: Vault, pachd: Pachd, when: When) -> None:
    await mount.write("login/robot:warm")
    pachd.forget()
    pachd.faults.slow(mint_method(pachd), 0.3, when)
    task = asyncio.ensure_future(mount.write("login/robot:x"))
    await eventually(lambda: pachd.counts()[mint_method(pachd)] == 1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await eventually(lambda: pachd.counts()["RevokeAuthToken"] == 1)
    await eventually(lambda: pachd.live()["robot:x"] == 0)


async def test_a_login_given_up_while_config_moves_on_leaves_no_token(
    mount: Vault, pachd: Pachd, other: Pachd
) -> None:
    await mount.write("login/robot:warm")
    pachd.faults.slow(mint_method(pachd), 0.3, When.AFTER)
    task = asyncio.ensure_future(mount.write("login/robot:x"))
    await eventually(lambda: pachd.live()["robot:x"] == 1)
    task.cancel()
    await mount.write("config", admin_token=other.root_token, pachd_address=other.address)
    await eventually(lambda: pachd.live()["robot:x"] == 0)
    await eventually(lambda: pachd.connections == 0)


async def test_the_mounts_end_waits_for_the_token_of_a_login_given_up(
    mount: Vault, pachd: Pachd
) -> None:
    await mount.write("login/robot:warm")
    pachd.faults.slow(mint_method(pachd), 0.3, When.AFTER)
    task = asyncio.ensure_future(mount.write("login/robot:x"))
    await eventually(lambda: pachd.live()["robot:x"] == 1)
    task.cancel()
    await mount.backend.close()
    assert task.cancelled()
    assert pachd.live()["robot:x"] == 0


async def test_the_mounts_end_does_not_outlast_its_grace(mount: Vault, pachd: Pachd) -> None:
    await mount.write("config", request_timeout="15s")
    await mount.write("login/robot:warm")
    pachd.forget()
    pachd.faults.slow(mint_method(pachd), 60)
    task = asyncio.ensure_future(mount.write("login/robot:x"))
    await eventually(lambda: pachd.counts()[mint_method(pachd)] == 1)
    task.cancel()
    await asyncio.sleep(0)
    began = time.monotonic()
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(mount.backend.close(), 0.2)
    assert time.monotonic() - began < 8
    pachd.faults.clear()


async def test_a_login_given_up_is_not_tried_again(mount: Vault, pachd: Pachd) -> None:
    await mount.write("login/robot:warm")
    pachd.forget()
    pachd.faults.slow(mint_method(pachd), 0.3)
    pachd.faults.refuse(mint_method(pachd), StatusCode.UNIMPLEMENTED, "unknown service x", times=1)
    task = asyncio.ensure_future(mount.write("login/robot:x"))
    await eventually(lambda: pachd.counts()[mint_method(pachd)] == 1)
    task.cancel()
    await mount.write("config", crash_safe=True)  # which would look at no cancellation any more
    with pytest.raises(asyncio.CancelledError):
        await task
    assert pachd.counts()[mint_method(pachd)] == 1
    assert pachd.live()["robot:x"] == 0


async def test_leases_of_a_cluster_config_forgot_share_its_limit_too(
    mount: Vault, pachd: Pachd
) -> None:
    leases = [lease_of(r) for r in await logins(mount, 30) if isinstance(r, Response)]
    assert len(leases) == 30
    await mount.ask("delete", "config")
    await eventually(lambda: pachd.connections == 0)
    pachd.faults.slow("RevokeAuthToken", 0.03)
    pachd.forget()
    asked = [asyncio.ensure_future(mount.revoke(lease)) for lease in leases]
    await eventually(lambda: pachd.counts()["RevokeAuthToken"] > 0)
    assert pachd.connections == 1
    await asyncio.gather(*asked)
    assert pachd.busiest <= 6
    assert sum(pachd.live().values()) == 1
    await eventually(lambda: pachd.connections == 0)


async def test_one_revocation_given_up_leaves_the_others_alone(mount: Vault, pachd: Pachd) -> None:
    leases = [lease_of(r) for r in await logins(mount, 3) if isinstance(r, Response)]
    await mount.ask("delete", "config")
    pachd.faults.slow("RevokeAuthToken", 0.2)
    pachd.forget()
    asked = [asyncio.ensure_future(mount.revoke(lease)) for lease in leases]
    await eventually(lambda: pachd.counts()["RevokeAuthToken"] == 3)
    asked[0].cancel()
    await asyncio.gather(*asked[1:])


async def test_a_request_without_an_answer_fails_in_time(mount: Vault, pachd: Pachd) -> None:
    await mount.write("config", request_timeout="1s")
    pachd.faults.slow(mint_method(pachd), 30)
    started = time.monotonic()
    with pytest.raises(BackendError, match=f"pachd at {pachd.address}: no answer within 1s"):
        await mount.write("login/robot:x")
    assert time.monotonic() - started < 3
