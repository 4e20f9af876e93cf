"""``renew user_token=``."""

import time

import pytest

from shim import BackendError, UserError
from tests.pachd import PachdV1, PachdV2, Simulator
from tests.unit.engine.cluster import Pachd, add_admin, add_token, expire, kill
from tests.unit.engine.vault import Vault

DAY = 24 * 3600


def left(pachd: Pachd, token: str) -> float:
    end = pachd.ends(token)
    assert end is not None
    return end - time.time()


async def test_a_token_is_extended(mount1: Vault, v1: Simulator[PachdV1]) -> None:
    token = add_token(v1, "robot:x", 60)
    response = await mount1.write("renew", user_token=token, increment="5m")
    assert response.data == {"ttl": 300}
    assert response.warnings == []
    assert 295 < left(v1, token) <= 300


async def test_without_an_increment_it_lasts_as_config_says(
    mount1: Vault, v1: Simulator[PachdV1]
) -> None:
    token = add_token(v1, "robot:x", 60)
    assert (await mount1.write("renew", user_token=token)).data == {"ttl": 1200}
    await mount1.ask("patch", "config", ttl=None)
    mount1.default_ttl = 7200
    assert (await mount1.write("renew", user_token=token, increment=None)).data == {"ttl": 7200}


async def test_a_shorter_increment_changes_nothing_and_warns(
    mount1: Vault, v1: Simulator[PachdV1]
) -> None:
    token = add_token(v1, "robot:x", 3600)
    before = v1.ends(token)
    response = await mount1.write("renew", user_token=token, increment=60)
    assert response.data is not None
    assert 3590 <= response.data["ttl"] <= 3600
    assert ["nothing changed" in warning for warning in response.warnings] == [True]
    assert v1.ends(token) == before
    assert v1.counts()["ExtendAuthToken"] == 0


@pytest.mark.parametrize(
    ("config", "longest", "capped"),
    [({"max_ttl": "1h"}, 32 * DAY, 3600), ({}, 7200, 7200), ({}, 90 * DAY, 30 * DAY)],
)
async def test_capped_by_config_by_the_mount_and_by_pachd(
    mount1: Vault, v1: Simulator[PachdV1], config: dict[str, str], longest: int, capped: int
) -> None:
    if config:
        await mount1.write("config", **config)
    mount1.max_ttl = longest
    token = add_token(v1, "robot:x", 60)
    response = await mount1.write("renew", user_token=token, increment="60d")
    assert response.data == {"ttl": capped}
    assert len(response.warnings) == 1
    assert capped - 5 < left(v1, token) <= capped


@pytest.mark.parametrize("end", [kill, expire])
async def test_a_dead_token(mount1: Vault, v1: Simulator[PachdV1], end: object) -> None:
    token = add_token(v1, "robot:x", 60)
    end(v1, token)  # type: ignore[operator]
    with pytest.raises(UserError, match="unknown to pachd, expired or revoked"):
        await mount1.write("renew", user_token=token)


async def test_a_token_without_end(mount1: Vault, v1: Simulator[PachdV1]) -> None:
    token = add_token(v1, "robot:x", 0)
    with pytest.raises(UserError, match="no end"):
        await mount1.write("renew", user_token=token, increment=60)
    assert v1.ends(token) is None


@pytest.mark.parametrize(
    ("subject", "why"),
    [
        ("robot:vault", "engine's own admin"),
        ("pach:root", "pachd's own"),
        ("github:me", "not among allowed_subjects"),
        ("robot:denied", "denied_subjects"),
    ],
)
async def test_the_subject_must_be_one_that_may_be_logged_in(
    mount1: Vault, v1: Simulator[PachdV1], subject: str, why: str
) -> None:
    await mount1.write("config", admin_token=add_admin(v1), denied_subjects="robot:denied")
    token = add_token(v1, subject, 60)
    with pytest.raises(UserError, match=why):
        await mount1.write("renew", user_token=token, increment=600)
    assert left(v1, token) <= 60


@pytest.mark.parametrize(
    ("data", "why"),
    [
        ({}, "missing required field 'user_token'"),
        ({"user_token": ""}, "invalid user_token: empty"),
        ({"user_token": "t t\x7f"}, "invalid user_token"),
        ({"user_token": "t", "increment": "abc"}, "invalid increment"),
        ({"user_token": "t", "increment": -60}, "invalid increment: .*negative"),
    ],
)
async def test_a_mistake_is_told_before_anything_is_asked(
    mount1: Vault, v1: Simulator[PachdV1], data: dict[str, object], why: str
) -> None:
    with pytest.raises(UserError, match=why):
        await mount1.write("renew", **data)
    assert v1.journal() == []


@pytest.mark.parametrize("increment", [0, "0s", "500ms"])
async def test_an_increment_of_nothing_is_a_mistake(
    mount1: Vault, v1: Simulator[PachdV1], increment: object
) -> None:
    token = add_token(v1, "robot:x", 60)
    with pytest.raises(UserError, match=r"invalid increment \(must be > 0s\)"):
        await mount1.write("renew", user_token=token, increment=increment)
    assert left(v1, token) <= 60


async def test_2x_cannot(mount2: Vault, v2: Simulator[PachdV2]) -> None:
    token = add_token(v2, "robot:x", 60)
    with pytest.raises(UserError, match=r"cannot extend a token: .*vault lease renew"):
        await mount2.write("renew", user_token=token, increment=600)
    assert left(v2, token) <= 60


async def test_a_dead_admin_token(mount1: Vault, v1: Simulator[PachdV1]) -> None:
    token = add_token(v1, "robot:x", 60)
    await mount1.write("login/robot:warm")
    kill(v1, v1.root_token)
    with pytest.raises(BackendError, match="write a valid admin_token to config"):
        await mount1.write("renew", user_token=token, increment=600)
