"""``vault lease renew``."""

import dataclasses
import time

import pytest

from shim import BackendError, Lease
from tests.pachd import PachdV1, PachdV2, Simulator, When
from tests.unit.engine.cluster import Pachd, add_admin, expire, is_v1, kill, sent
from tests.unit.engine.vault import Vault, lease_of, token_of

HOUR = 3600
DAY = 24 * HOUR
OVER = "reached its longest life: log in again"
DEAD = "the token of this lease is expired or was revoked at pachd: log in again"


async def login(mount: Vault, **data: object) -> Lease:
    return lease_of(await mount.write("login/robot:x", **data))


def held(lease: Lease) -> str:
    token: str = lease.internal["user_token"]
    return token


def end_of(pachd: Pachd, lease: Lease) -> float:
    end = pachd.ends(held(lease))
    assert end is not None
    return end


async def test_without_an_increment_the_lease_lasts_again_as_granted(
    mount: Vault, pachd: Pachd
) -> None:
    lease = await login(mount, ttl="5m")
    mount.hold(lease, age=200)
    response = await mount.renew(lease)
    assert lease_of(response).ttl == 300
    assert response.warnings == []
    assert end_of(pachd, lease_of(response)) > time.time() + 300


async def test_the_increment_is_taken(mount: Vault, pachd: Pachd) -> None:
    lease = await login(mount, ttl="5m")
    for increment in (600, 60, 3600):
        renewed = lease_of(await mount.renew(lease, increment))
        assert renewed.ttl == increment
        assert end_of(pachd, renewed) > time.time() + increment


async def test_everything_the_lease_keeps_is_given_back(mount: Vault) -> None:
    lease = await login(mount)
    renewed = lease_of(await mount.renew(lease, 60))
    assert renewed.internal.keys() == lease.internal.keys()
    assert renewed.type == lease.type
    again = lease_of(await mount.renew(renewed))
    assert again.ttl == 1200


async def test_1x_a_renewal_extends_the_token(mount1: Vault, v1: Simulator[PachdV1]) -> None:
    lease = await login(mount1, ttl="5m")
    before = end_of(v1, lease)
    renewed = lease_of(await mount1.renew(lease, 3600))
    assert 3600 - 300 - 5 < end_of(v1, lease) - before < 3600 - 300 + 5
    assert renewed.internal["token_end"] <= end_of(v1, lease)
    assert renewed.internal["token_end"] > end_of(v1, lease) - 5


async def test_1x_a_shorter_increment_shortens_the_lease_only(
    mount1: Vault, v1: Simulator[PachdV1]
) -> None:
    lease = await login(mount1, ttl="1h")
    before = end_of(v1, lease)
    response = await mount1.renew(lease, 60)
    assert lease_of(response).ttl == 60
    assert end_of(v1, lease) == before
    assert lease_of(response).internal["token_end"] == lease.internal["token_end"]


async def test_2x_nothing_changes_at_pachd(mount2: Vault, v2: Simulator[PachdV2]) -> None:
    lease = await login(mount2, ttl="5m")
    before = end_of(v2, lease)
    v2.forget()
    await mount2.renew(lease, 3600)
    assert end_of(v2, lease) == before
    assert dict(v2.counts()) == {"WhoAmI": 1}


@pytest.mark.parametrize("age", [0, 3000])
async def test_clamped_to_the_time_left_to_max_ttl(mount: Vault, age: int) -> None:
    await mount.write("config", max_ttl="1h")
    lease = await login(mount, ttl="5m")
    mount.hold(lease, age=age)
    response = await mount.renew(lease, 7200)
    assert HOUR - age - 2 <= lease_of(response).ttl <= HOUR - age
    assert len(response.warnings) == 1
    assert "the time left to max_ttl" in response.warnings[0]


async def test_clamped_to_the_time_left_to_the_mounts_maximum(mount: Vault) -> None:
    lease = await login(mount, ttl="5m")
    mount.max_ttl = 1800
    mount.hold(lease, age=600)
    response = await mount.renew(lease, 7200)
    assert 1198 <= lease_of(response).ttl <= 1200
    assert "the mount's maximum" in response.warnings[0]


async def test_1x_clamped_to_30_days(mount1: Vault, v1: Simulator[PachdV1]) -> None:
    mount1.max_ttl = 400 * DAY
    lease = await login(mount1, ttl="5m")
    response = await mount1.renew(lease, 90 * DAY)
    assert lease_of(response).ttl == 30 * DAY - 10
    assert "the longest life pachd gives a token" in response.warnings[0]
    assert end_of(v1, lease) > time.time() + mount1.held(lease_of(response)).ttl


async def test_2x_clamped_to_the_tokens_own_end(mount2: Vault, v2: Simulator[PachdV2]) -> None:
    mount2.max_ttl = 400 * DAY
    lease = await login(mount2, ttl="5m")
    response = await mount2.renew(lease, 90 * DAY)
    assert DAY - 5 <= lease_of(response).ttl <= DAY
    assert len(response.warnings) == 1
    assert end_of(v2, lease) >= time.time() + mount2.held(lease_of(response)).ttl


async def test_2x_a_token_near_its_end_holds_the_lease_in(mount2: Vault) -> None:
    lease = await login(mount2, ttl="5m")
    soon = {**lease.internal, "token_end": time.time() + 70}
    kept = mount2.hold(dataclasses.replace(lease, internal=soon))
    response = await mount2.renew(kept)
    assert 58 <= lease_of(response).ttl <= 60
    assert "the time left to the token" in response.warnings[0]


async def test_at_the_end_of_life(mount: Vault, pachd: Pachd) -> None:
    await mount.write("config", max_ttl="1h")
    lease = await login(mount, ttl="5m")
    mount.hold(lease, age=3597)
    almost = lease_of(await mount.renew(lease))
    assert 1 <= almost.ttl <= 3
    pachd.forget()
    for age in (3600, 9999):
        with pytest.raises(BackendError, match=OVER):
            await mount.renew(mount.hold(lease, age=age))
    assert pachd.counts()["ExtendAuthToken"] == 0


@pytest.mark.parametrize("end", [kill, expire])
async def test_a_token_ended_out_of_band(mount: Vault, pachd: Pachd, end: object) -> None:
    lease = await login(mount, ttl="5m")
    end(pachd, held(lease))  # type: ignore[operator]
    with pytest.raises(BackendError, match=DEAD):
        await mount.renew(lease, 60)


async def test_1x_a_bad_admin_token_is_not_mistaken_for_a_bad_lease(
    mount1: Vault, v1: Simulator[PachdV1]
) -> None:
    lease = await login(mount1, ttl="5m")
    kill(v1, v1.root_token)
    with pytest.raises(BackendError, match="write a valid admin_token to config"):
        await mount1.renew(lease, 600)


async def test_2x_needs_no_admin_token(mount2: Vault, v2: Simulator[PachdV2]) -> None:
    lease = await login(mount2, ttl="5m")
    kill(v2, v2.root_token)
    assert lease_of(await mount2.renew(lease, 600)).ttl == 600


async def test_config_names_another_cluster(mount: Vault, pachd: Pachd, other: Pachd) -> None:
    lease = await login(mount, ttl="5m")
    await mount.write("config", admin_token=other.root_token, pachd_address=other.address)
    other.forget()
    pachd.forget()
    if is_v1(pachd):
        with pytest.raises(BackendError, match=f"config no longer names {pachd.address}"):
            await mount.renew(lease, 600)
    else:
        assert lease_of(await mount.renew(lease, 600)).ttl == 600
        assert sent(pachd) == {held(lease)}
    assert other.journal() == []
    assert other.root_token not in sent(pachd)


async def test_config_is_deleted(mount: Vault, pachd: Pachd) -> None:
    lease = await login(mount, ttl="5m")
    await mount.ask("delete", "config")
    if is_v1(pachd):
        with pytest.raises(BackendError, match="log in again"):
            await mount.renew(lease, 600)
    else:
        assert lease_of(await mount.renew(lease, 600)).ttl == 600


async def test_the_same_cluster_in_other_words(mount: Vault, pachd: Pachd) -> None:
    lease = await login(mount, ttl="5m")
    written = f"grpc://{pachd.address}"
    await mount.write("config", admin_token=pachd.root_token, pachd_address=written)
    renewed = lease_of(await mount.renew(lease, 600))
    assert renewed.ttl == 600
    assert renewed.internal["pachd_address"] == pachd.address


async def test_a_new_admin_token_serves_old_leases(mount: Vault, pachd: Pachd) -> None:
    lease = await login(mount, ttl="5m")
    old, new = pachd.root_token, add_admin(pachd)
    await mount.write("config", admin_token=new)
    kill(pachd, old)
    pachd.forget()
    assert lease_of(await mount.renew(lease, 600)).ttl == 600
    assert old not in sent(pachd)


async def test_a_lease_of_an_older_version(mount: Vault, pachd: Pachd) -> None:
    token = token_of(await mount.write("login/robot:x", ttl="5m"))
    old = Lease(type="pachyderm_tokens", ttl=300, internal={"user_token": token})
    mount.hold(old)
    assert lease_of(await mount.renew(old)).ttl == 300
    renewed = lease_of(await mount.renew(old, 120))
    assert renewed.ttl == 120
    assert held(renewed) == token
    end = pachd.ends(token)
    assert end is not None
    assert end > time.time() + 300


async def test_2x_a_lease_of_an_older_version_ends_before_its_token(
    mount2: Vault, v2: Simulator[PachdV2]
) -> None:
    token = token_of(await mount2.write("login/robot:x", ttl="5m", renewable=False))
    old = Lease(type="pachyderm_tokens", ttl=300, internal={"user_token": token})
    renewed = lease_of(await mount2.renew(mount2.hold(old), HOUR))
    assert 290 <= renewed.ttl <= 300


async def test_the_token_outlives_the_lease_renewed_by_a_slow_pachd(
    mount1: Vault, v1: Simulator[PachdV1]
) -> None:
    await mount1.write("config", request_timeout="3s")
    lease = await login(mount1, ttl=30)
    v1.faults.slow("ExtendAuthToken", 2, When.AFTER)
    renewed = lease_of(await mount1.renew(lease, 60))
    assert end_of(v1, lease) >= time.time() + mount1.held(renewed).ttl


@pytest.mark.parametrize("increment", [0, 60, 500, 10 * DAY, 400 * DAY])
@pytest.mark.parametrize("age", [0, 250])
async def test_the_token_outlives_what_the_host_makes_of_the_renewal(
    mount: Vault, pachd: Pachd, increment: int, age: int
) -> None:
    lease = await login(mount, ttl="5m", renewable=increment != 500)
    # An older engine's, a host would not ask for those that are not renewable.
    kept = mount.hold(dataclasses.replace(lease, renewable=True), age=age)
    renewed = lease_of(await mount.renew(kept, increment))
    lasts = mount.held(renewed).ttl
    assert lasts > 0
    assert end_of(pachd, lease) >= time.time() + lasts


async def test_pachd_is_down(mount: Vault, pachd: Pachd) -> None:
    lease = await login(mount, ttl="5m")
    pachd.die()
    with pytest.raises(BackendError, match=f"pachd at {pachd.address}: .*refused"):
        await mount.renew(lease, 60)
    pachd.restart()
    assert lease_of(await mount.renew(lease, 60)).ttl == 60
