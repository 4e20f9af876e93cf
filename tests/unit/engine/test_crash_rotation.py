"""A rotation of the admin token that something happens to at each of its steps."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import pytest
from grpc import StatusCode

from shim import BackendError
from shim.framework.host import HostError
from tests.pachd import PachdV1, PachdV2, Simulator, When
from tests.pachd.bindings import CLUSTER_KEY
from tests.unit.engine.cluster import Pachd, add_admin, add_token, simulator
from tests.unit.engine.conftest import configured
from tests.unit.engine.crash import FOREVER, Crash, Kind
from tests.unit.engine.vault import Vault, token_of
from vault_plugin.config import load
from vault_plugin.engine import backend

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def cluster_admin(pachd: Pachd) -> str:
    """A robot that may do everything; its token has no end."""
    token = add_admin(pachd, "robot:vault")
    if isinstance(pachd.cluster, PachdV2):
        pachd.cluster.bindings.set(CLUSTER_KEY, "robot:vault", ["clusterAdmin"])
    return token


ADMINS: dict[str, tuple[type[PachdV1 | PachdV2], Callable[[Pachd], str], str]] = {
    "1.x admin": (PachdV1, cluster_admin, "robot:vault"),
    "1.x admin with an end": (PachdV1, lambda p: add_admin(p, ttl=9000), "robot:vault"),
    "2.x root": (PachdV2, lambda p: p.root_token, "pach:root"),
    "2.x clusterAdmin": (PachdV2, cluster_admin, "robot:vault"),
    "2.x robotUser": (PachdV2, add_admin, "robot:vault"),
    "2.x robotUser with an end": (PachdV2, lambda p: add_admin(p, ttl=9000), "robot:vault"),
}


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("who", ADMINS)
async def test_a_login_works_at_once_and_one_token_is_left(
    tmp_path: Path, who: str, kind: Kind
) -> None:
    generation, make, subject = ADMINS[who]
    at = 0
    async with Vault(backend()) as mount:
        while True:
            at += 1
            with simulator(generation) as pachd:
                first = make(pachd)
                mount.entries.clear()  # what there was to do at the cluster before
                await mount.backend.invalidate("config")
                await configured(mount, pachd, first, request_timeout="2s")
                lasts = 0.1 if kind is Kind.CANCELLED else FOREVER
                with Crash(kind, at, mount, pachd, lasts) as crash:
                    task = asyncio.ensure_future(mount.write("config/rotate"))
                    came = asyncio.ensure_future(crash.came.wait())
                    await asyncio.wait([task, came], return_when=asyncio.FIRST_COMPLETED)
                    came.cancel()
                    if kind is Kind.KILLED and not task.done():
                        mount.replace(backend())
                    elif kind is Kind.CANCELLED:
                        task.cancel()
                    if kind is not Kind.KILLED:
                        with contextlib.suppress(asyncio.CancelledError, BackendError, HostError):
                            await task
                assert token_of(await mount.write("login/robot:x")), crash.steps
                await mount.roll_back()
                config = await load(mount.host.storage)
                assert config is not None
                assert not config.unsettled
                assert pachd.subject_of(config.admin_token.reveal()) == subject
                assert token_of(await mount.write("login/robot:x"))
                ends = pachd.ends(config.admin_token.reveal())
                assert (ends is not None) == ("with an end" in who)
                # What pachd makes for a robotUser is lost with the answer, or by a kill before it
                # is stored.
                lost = {
                    Kind.KILLED: ("after GetRobotToken", "before Storage/Put"),
                    Kind.FAILED: ("after GetRobotToken",),
                    Kind.CANCELLED: (),
                }
                unknown = (
                    crash.happened
                    and who.startswith("2.x robotUser")
                    and crash.step in lost[kind]
                    and "GetRobotToken" in "".join(crash.steps)
                )
                assert pachd.live()[subject] == 1 or unknown, crash.steps
                if not crash.happened:
                    assert config.admin_token.reveal() != first
                    break
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError, BackendError, HostError):
                    await task
    assert at > 12


@pytest.mark.parametrize("who", ADMINS)
async def test_logins_meanwhile_never_fail(vault: Vault, who: str) -> None:
    generation, make, _ = ADMINS[who]
    with simulator(generation) as pachd:
        await configured(vault, pachd, make(pachd))
        for method in ("RotateRootToken", "RestoreAuthToken", "RevokeAuthToken"):
            for when in When:
                pachd.faults.slow(method, 0.05, when)
        over = asyncio.Event()

        async def log_in(n: int) -> int:
            count = 0
            while not over.is_set():
                assert token_of(await vault.write(f"login/robot:{n}"))
                count += 1
            return count

        logins = [asyncio.ensure_future(log_in(n)) for n in range(4)]
        for _ in range(3):
            await vault.write("config/rotate")
        over.set()
        assert min(await asyncio.gather(*logins)) > 3


async def test_it_tells_nothing(mount: Vault, pachd: Pachd) -> None:
    response = await mount.write("config/rotate")
    assert response.lease is None
    assert response.data is None


async def test_root_in_the_environment(mount2: Vault, v2: Simulator[PachdV2]) -> None:
    v2.cluster.root_token_in_environment = True
    with pytest.raises(BackendError, match="pachd's environment") as refusal:
        await mount2.write("config/rotate")
    assert refusal.value.status == 400
    assert token_of(await mount2.write("login/robot:x"))
    config = await load(mount2.host.storage)
    assert config is not None
    assert not config.unsettled


async def test_a_person(mount2: Vault, v2: Simulator[PachdV2]) -> None:
    v2.cluster.bindings.set(CLUSTER_KEY, "user:me", ["clusterAdmin"])
    await mount2.write("config", admin_token=add_token(v2, "user:me", ttl=0))
    with pytest.raises(BackendError, match="only those of robots"):
        await mount2.write("config/rotate")
    await mount2.write("config", rotation_period="1h")
    problems = (await mount2.read("check")).data
    assert problems is not None
    assert "only those of robots" in problems["problems"][0]


@pytest.mark.parametrize("verify", [True, False])
async def test_the_whole_life_again(mount: Vault, pachd: Pachd, verify: bool) -> None:
    """Unverified, what the old one has left is all that is known of it."""
    token = add_admin(pachd, ttl=5000)
    await mount.write("config", admin_token=token, pachd_address=pachd.address, verify=verify)
    was = pachd.ends(token)
    await mount.write("config/rotate")
    config = await load(mount.host.storage)
    assert config is not None
    ends = pachd.ends(config.admin_token.reveal())
    assert ends is not None
    assert was is not None
    assert abs(ends - was) < 5


async def test_unreachable_in_the_middle(mount2: Vault, v2: Simulator[PachdV2]) -> None:
    await mount2.write("config", request_timeout="2s")
    v2.faults.drop("RotateRootToken", When.AFTER, times=1)
    with pytest.raises(BackendError):
        await mount2.write("config/rotate")
    assert token_of(await mount2.write("login/robot:x"))
    checked = (await mount2.read("check")).data
    assert checked is not None
    assert "interrupted" in checked["problems"][0]
    await mount2.roll_back()
    checked = (await mount2.read("check")).data
    assert checked is not None
    assert checked["problems"] == []
    assert v2.live()["pach:root"] == 1


async def test_a_failing_database_drops_no_token(mount2: Vault, v2: Simulator[PachdV2]) -> None:
    """2.x calls every token unknown while it cannot look them up."""
    v2.faults.drop("RotateRootToken", When.AFTER, times=1)
    with pytest.raises(BackendError):
        await mount2.write("config/rotate")
    for method in ("WhoAmI", "RevokeAuthToken"):
        v2.faults.refuse(method, StatusCode.UNAUTHENTICATED, "provided auth token is corrupted")
    with pytest.raises(BackendError):
        await mount2.roll_back()
    v2.faults.clear()
    await mount2.roll_back()
    assert token_of(await mount2.write("login/robot:x"))
    assert v2.live()["pach:root"] == 1
