"""How long leases and tokens last at login."""

import time

import pytest

from shim import UserError
from tests.pachd import PachdV1, PachdV2, Simulator, When
from tests.unit.engine.cluster import Pachd, mint_method
from tests.unit.engine.vault import Vault, lease_of, token_of

HOUR = 3600
DAY = 24 * HOUR
TIMEOUT = 10  # seconds, request_timeout's default


async def left(pachd: Pachd, token: str) -> float:
    """Seconds until pachd lets the token end."""
    end = pachd.ends(token)
    assert end is not None, "the token has no end"
    return end - time.time()


@pytest.mark.parametrize("ttl", [0, "0", "0s", "0h", "500ms", "999ms", 0.5, "0.9", -0.5])
async def test_a_ttl_of_nothing_is_a_mistake(mount: Vault, pachd: Pachd, ttl: object) -> None:
    with pytest.raises(UserError, match=r"^invalid TTL duration \(must be > 0s\)$"):
        await mount.write("login/robot:x", ttl=ttl)
    assert pachd.journal() == []


@pytest.mark.parametrize("ttl", [-1, "-1", "-5s", "-500ms", "-1d"])
async def test_a_negative_ttl_is_a_mistake(mount: Vault, pachd: Pachd, ttl: object) -> None:
    with pytest.raises(UserError, match="cannot be negative"):
        await mount.write("login/robot:x", ttl=ttl)
    assert pachd.journal() == []


@pytest.mark.parametrize("ttl", ["abc", "10x", "1h-5m", True, [1], {"a": 1}, "9" * 30, "1e9"])
async def test_what_is_no_duration_is_a_mistake(mount: Vault, pachd: Pachd, ttl: object) -> None:
    with pytest.raises(UserError, match=r"^invalid ttl: "):
        await mount.write("login/robot:x", ttl=ttl)
    assert pachd.journal() == []


@pytest.mark.parametrize(
    ("ttl", "seconds"),
    [
        (30, 30),
        ("30", 30),
        ("30s", 30),
        ("1.5s", 1),
        ("1h30m", 5400),
        ("1d", DAY),
        (1, 1),
        ("", 1200),
        (None, 1200),
    ],
)
async def test_ttls_as_vault_takes_them(
    mount: Vault, pachd: Pachd, ttl: object, seconds: int
) -> None:
    response = await mount.write("login/robot:x", ttl=ttl, renewable=False)
    assert lease_of(response).ttl == seconds
    assert seconds < await left(pachd, token_of(response)) <= seconds + TIMEOUT


async def test_request_wins_over_config_and_config_over_the_mount(mount: Vault) -> None:
    mount.default_ttl = 99
    assert lease_of(await mount.write("login/robot:x", ttl=33)).ttl == 33
    assert lease_of(await mount.write("login/robot:x")).ttl == 1200
    await mount.ask("patch", "config", ttl=None)
    assert lease_of(await mount.write("login/robot:x")).ttl == 99
    await mount.write("config", ttl="1d")
    assert lease_of(await mount.write("login/robot:x")).ttl == DAY


async def test_clamped_by_config_and_by_the_mount_with_a_warning(mount: Vault) -> None:
    await mount.write("config", max_ttl="1h")
    response = await mount.write("login/robot:x", ttl="2h")
    assert lease_of(response).ttl == HOUR
    assert response.warnings == [
        "TTL of 2h0m0s exceeded config's max_ttl of 1h0m0s; capped to 1h0m0s"
    ]
    mount.max_ttl = 600
    response = await mount.write("login/robot:x", ttl="2h")
    assert lease_of(response).ttl == 600
    assert response.warnings == [
        "TTL of 2h0m0s exceeded the mount's max_lease_ttl of 10m0s; capped to 10m0s"
    ]
    assert (await mount.write("login/robot:x", ttl="10m")).warnings == []


async def test_configs_own_ttl_is_clamped_by_the_mount(mount: Vault) -> None:
    mount.max_ttl = 600
    response = await mount.write("login/robot:x")
    assert lease_of(response).ttl == 600
    assert len(response.warnings) == 1


@pytest.mark.parametrize(
    ("data", "renewable"),
    [({}, True), ({"renewable": False}, False), ({"renewable": "true"}, True)],
)
async def test_renewable_by_request(mount: Vault, data: dict[str, object], renewable: bool) -> None:
    assert lease_of(await mount.write("login/robot:x", **data)).renewable is renewable


async def test_renewable_by_config(mount: Vault) -> None:
    await mount.write("config", renewable=False)
    assert lease_of(await mount.write("login/robot:x")).renewable is False
    assert lease_of(await mount.write("login/robot:x", renewable=True)).renewable is True


# A lease never outlives its token


async def test_the_token_outlives_the_lease_of_a_slow_pachd(mount: Vault, pachd: Pachd) -> None:
    """The token's clock runs for two seconds before the lease's starts."""
    await mount.write("config", request_timeout="3s")
    pachd.faults.slow(mint_method(pachd), 2, When.AFTER)
    response = await mount.write("login/robot:x", ttl=30, renewable=False)
    assert await left(pachd, token_of(response)) >= lease_of(response).ttl


async def test_1x_a_lease_ends_before_the_30_days_of_its_token(
    mount1: Vault, v1: Simulator[PachdV1]
) -> None:
    mount1.max_ttl = 90 * DAY
    response = await mount1.write("login/robot:x", ttl="60d")
    assert lease_of(response).ttl == 30 * DAY - TIMEOUT
    assert response.warnings == [
        "TTL of 1440h0m0s exceeded the longest life pachd gives a token of 719h59m50s;"
        " capped to 719h59m50s"
    ]
    assert lease_of(response).ttl < await left(v1, token_of(response)) <= 30 * DAY


async def test_1x_the_margin_is_request_timeout(mount1: Vault, v1: Simulator[PachdV1]) -> None:
    mount1.max_ttl = 90 * DAY
    await mount1.write("config", request_timeout="45s")
    response = await mount1.write("login/robot:x", ttl="30d")
    assert lease_of(response).ttl == 30 * DAY - 45
    assert len(response.warnings) == 1
    response = await mount1.write("login/robot:x", ttl="5m")
    assert 340 < await left(v1, token_of(response)) <= 345


async def test_1x_the_token_ends_soon_after_the_lease(
    mount1: Vault, v1: Simulator[PachdV1]
) -> None:
    response = await mount1.write("login/robot:x", ttl="5m")
    assert 305 < await left(v1, token_of(response)) <= 310


# and a token never lives unbounded after its lease


@pytest.mark.parametrize(
    ("config", "login", "life"),
    [
        ({"max_ttl": "2h"}, {"ttl": "5m"}, 2 * HOUR),
        ({"max_ttl": "2d"}, {"ttl": "5m"}, 2 * DAY),
        ({}, {"ttl": "5m"}, DAY),
        ({}, {"ttl": "3d"}, 3 * DAY),
        ({"max_ttl": "2h"}, {"ttl": "5m", "renewable": False}, 300),
        ({}, {"ttl": "5m", "renewable": False}, 300),
        ({}, {"ttl": "3d", "renewable": False}, 3 * DAY),
        ({"max_ttl": "90d"}, {"ttl": "5m"}, 32 * DAY),
    ],
)
async def test_2x_a_token_ends_with_the_longest_life_of_its_lease(
    mount2: Vault,
    v2: Simulator[PachdV2],
    config: dict[str, str],
    login: dict[str, object],
    life: int,
) -> None:
    if config:
        await mount2.write("config", **config)
    response = await mount2.write("login/robot:x", **login)
    assert lease_of(response).max_ttl == life
    assert life + TIMEOUT - 5 < await left(v2, token_of(response)) <= life + TIMEOUT


async def test_2x_a_mount_shorter_than_a_day_bounds_the_token(
    mount2: Vault, v2: Simulator[PachdV2]
) -> None:
    mount2.max_ttl = 2 * HOUR
    response = await mount2.write("login/robot:x", ttl="5m")
    assert lease_of(response).max_ttl == 2 * HOUR
    assert await left(v2, token_of(response)) <= 2 * HOUR + TIMEOUT


async def test_the_lease_says_config_s_max_ttl(mount: Vault) -> None:
    await mount.write("config", max_ttl="2h")
    assert lease_of(await mount.write("login/robot:x")).max_ttl == 2 * HOUR


@pytest.mark.parametrize("field", ["max_ttl", "request_timeout"])
async def test_zero_is_no_duration_of_config_either(mount: Vault, field: str) -> None:
    with pytest.raises(UserError, match=f"invalid {field}"):
        await mount.write("config", **{field: "0s"})
