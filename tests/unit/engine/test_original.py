"""The defects of the original plugin, each absent here."""

import json
import time

import pytest

from shim import BackendError, UserError
from tests.pachd import PachdV1, Simulator
from tests.unit.engine.cluster import Pachd, kill
from tests.unit.engine.vault import Vault, eventually, lease_of, token_of

DAY = 24 * 3600


async def test_config_read_echoed_the_admin_token(mount: Vault, pachd: Pachd) -> None:
    shown = (await mount.read("config")).data
    assert shown is not None
    assert "admin_token" not in shown
    assert pachd.root_token not in json.dumps(shown)


@pytest.mark.parametrize("ttl", ["0", "0s", "-5s"])
async def test_a_ttl_of_zero_or_less_gave_a_token_without_end(
    mount1: Vault, v1: Simulator[PachdV1], ttl: str
) -> None:
    before = v1.live()
    for path, fields in (("login/robot:x", {}), ("config", {"verify": False})):
        with pytest.raises(UserError):
            await mount1.write(path, ttl=ttl, **fields)
    assert v1.live() == before


async def test_a_login_was_not_clamped_and_the_lease_outlived_the_token(
    mount1: Vault, v1: Simulator[PachdV1]
) -> None:
    mount1.max_ttl = 365 * DAY
    response = await mount1.write("login/robot:x", ttl="768h")
    end = v1.ends(token_of(response))
    assert end is not None
    assert end > time.time() + lease_of(response).ttl
    assert len(response.warnings) == 1


async def test_a_renewal_with_a_shorter_increment_failed(mount1: Vault) -> None:
    lease = lease_of(await mount1.write("login/robot:x", ttl="1h"))
    await mount1.renew(lease, 60)
    assert mount1.held(lease).ttl == 60


async def test_a_renewal_passed_the_raw_increment_upstream(
    mount1: Vault, v1: Simulator[PachdV1]
) -> None:
    await mount1.write("config", max_ttl="2h")
    lease = lease_of(await mount1.write("login/robot:x", ttl="1h"))
    renewed = lease_of(await mount1.renew(lease, 10_000_000))
    end = v1.ends(lease.internal["user_token"])
    assert end is not None
    lasts = mount1.held(renewed).ttl
    assert lasts <= 7200
    assert 0 <= end - time.time() - lasts <= 11


async def test_a_token_revoked_out_of_band_made_its_lease_irrevocable(
    mount: Vault, pachd: Pachd
) -> None:
    lease = lease_of(await mount.write("login/robot:x"))
    kill(pachd, lease.internal["user_token"])
    await mount.revoke(lease)


async def test_an_unreachable_pachd_hung_a_login_for_30_seconds(mount: Vault, pachd: Pachd) -> None:
    pachd.die()
    started = time.monotonic()
    with pytest.raises(BackendError, match="connection refused"):
        await mount.write("login/robot:x")
    assert time.monotonic() - started < 5


@pytest.mark.parametrize(
    ("path", "data"),
    [
        ("login/robot:x", {"ttl": "abc"}),
        ("login/test", {}),
        ("login/pach:root", {}),
        ("config", {"admin_token": "bad"}),
        ("config", {"pachd_address": "tcp://127.0.0.1:1"}),
        ("renew", {}),
    ],
)
async def test_a_users_mistake_was_a_500(mount: Vault, path: str, data: dict[str, str]) -> None:
    with pytest.raises(UserError):
        await mount.write(path, **data)


async def test_an_unconfigured_mount_was_a_500(vault: Vault) -> None:
    assert (await vault.read("config")).data is None
    with pytest.raises(UserError, match="write admin_token and pachd_address to config first"):
        await vault.write("login/robot:x")


async def test_pachd_was_dialled_anew_for_every_call(mount: Vault, pachd: Pachd) -> None:
    lease = lease_of(await mount.write("login/robot:x"))
    await mount.renew(lease)
    await mount.read("version")
    await mount.revoke(lease)
    assert pachd.connections == 1


async def test_there_was_no_delete(mount: Vault, pachd: Pachd) -> None:
    await mount.write("login/robot:x")
    await mount.ask("delete", "config")
    assert mount.entries == {}
    await eventually(lambda: pachd.connections == 0)


async def test_there_was_no_max_ttl(mount: Vault) -> None:
    await mount.write("config", max_ttl="30m")
    assert lease_of(await mount.write("login/robot:x", ttl="1h")).ttl == 1800


async def test_revoke_was_documented_but_never_built(mount: Vault, pachd: Pachd) -> None:
    token = token_of(await mount.write("login/robot:x"))
    await mount.write("revoke", user_token=token)
    assert pachd.subject_of(token) is None


@pytest.mark.parametrize("ttl", [30, "30"])
async def test_seconds_without_a_unit_were_refused(mount: Vault, ttl: object) -> None:
    assert lease_of(await mount.write("login/robot:x", ttl=ttl)).ttl == 30
