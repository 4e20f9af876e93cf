"""What the periodic function does for the admin token, and only where it may write."""

import dataclasses
import time

import pytest

from shim import UserError
from shim.framework.host import ReplicationState
from tests.pachd import PachdV1, PachdV2, Simulator
from tests.unit.engine.cluster import Pachd, add_admin
from tests.unit.engine.vault import Vault, token_of
from vault_plugin.config import Config, load
from vault_plugin.engine import backend


async def config_of(mount: Vault) -> Config:
    config = await load(mount.host.storage)
    assert config is not None
    return config


async def aged(mount: Vault, seconds: float) -> None:
    """Let the last rotation be `seconds` ago."""
    config = dataclasses.replace(await config_of(mount), rotated_at=time.time() - seconds)
    await config.save(mount.host.storage)
    await mount.backend.invalidate("config")


async def test_when_the_period_is_over(mount: Vault, pachd: Pachd) -> None:
    await mount.write("config", rotation_period="1h")
    first = pachd.root_token
    await mount.roll_back()
    assert pachd.subject_of(first) is not None
    await aged(mount, 3601)
    mount.state = ReplicationState.PERFORMANCE_STANDBY
    mount.replace(backend())
    await mount.roll_back()
    assert pachd.subject_of(first) is not None
    mount.state = ReplicationState.PERFORMANCE_PRIMARY
    await mount.roll_back()
    assert pachd.subject_of(first) is None
    assert token_of(await mount.write("login/robot:x"))
    second = (await config_of(mount)).admin_token
    await mount.roll_back()
    assert (await config_of(mount)).admin_token == second


async def test_a_configuration_stored_unseen_waits_for_its_period(
    mount: Vault, pachd: Pachd
) -> None:
    await mount.write("config", admin_token=pachd.root_token, rotation_period="1h", verify=False)
    first = pachd.root_token
    await mount.roll_back()
    assert pachd.subject_of(first) is not None


@pytest.mark.parametrize("period", ["59s", "1s", -1])
async def test_too_short(mount: Vault, period: object) -> None:
    with pytest.raises(UserError, match="rotation_period"):
        await mount.write("config", rotation_period=period)


async def test_it_does_not_wait_for_the_tokens_end(mount: Vault, pachd: Pachd) -> None:
    first = add_admin(pachd, ttl=7200)
    await mount.write("config", admin_token=first, rotation_period="30d")
    await mount.roll_back()
    assert pachd.subject_of(first) is not None
    config = dataclasses.replace(await config_of(mount), admin_life=3 * 7200)
    await config.save(mount.host.storage)
    await mount.roll_back()
    assert pachd.subject_of(first) is None


async def test_1x_an_end_that_comes_near_is_put_off(mount1: Vault, v1: Simulator[PachdV1]) -> None:
    token = add_admin(v1, ttl=7200)
    await mount1.write("config", admin_token=token)
    config = dataclasses.replace(await config_of(mount1), admin_life=3 * 86400)
    await config.save(mount1.host.storage)
    await mount1.roll_back()
    ends = v1.ends(token)
    assert ends is not None
    assert abs(ends - time.time() - 3 * 86400) < 5
    v1.forget()
    await mount1.roll_back()
    assert v1.journal() == []


async def test_2x_an_end_that_comes_near_is_told_once(
    mount2: Vault, v2: Simulator[PachdV2], caplog: pytest.LogCaptureFixture
) -> None:
    await mount2.write("config", admin_token=add_admin(v2, ttl=7200))
    for _ in range(3):
        await mount2.roll_back()
    assert caplog.text.count("the admin token ends within a day") == 1
