"""``revoke user_token=``."""

import pytest

from shim import BackendError, UserError
from tests.unit.engine.cluster import Pachd, add_admin, add_token, expire, is_v1, kill
from tests.unit.engine.vault import Vault, lease_of, token_of


async def test_a_token_the_engine_minted(mount: Vault, pachd: Pachd) -> None:
    login = await mount.write("login/robot:x")
    answer = await mount.write("revoke", user_token=token_of(login))
    assert answer.data == {"revoked": 1}
    assert pachd.live()["robot:x"] == 0
    await mount.revoke(lease_of(login))


@pytest.mark.parametrize("subject", ["robot:any", "github:me", "pipeline:p", "user:me@x"])
async def test_a_token_of_anybody_else(mount: Vault, pachd: Pachd, subject: str) -> None:
    token = add_token(pachd, subject)
    assert (await mount.write("revoke", user_token=token)).data == {"revoked": 1}
    assert pachd.live()[subject] == 0


async def test_a_token_without_end(mount: Vault, pachd: Pachd) -> None:
    token = add_token(pachd, "robot:forever", ttl=0)
    assert (await mount.write("revoke", user_token=token)).data == {"revoked": 1}


async def test_idempotent(mount: Vault, pachd: Pachd) -> None:
    token = add_token(pachd, "robot:x")
    await mount.write("revoke", user_token=token)
    for gone in (token, "never-a-token"):
        assert (await mount.write("revoke", user_token=gone)).data == {"revoked": 0}


async def test_an_expired_token(mount: Vault, pachd: Pachd) -> None:
    token = add_token(pachd, "robot:x")
    expire(pachd, token)
    # 2.x still has its row, and counts it.
    answer = await mount.write("revoke", user_token=token)
    assert answer.data == {"revoked": 0 if is_v1(pachd) else 1}


async def test_the_admin_token_is_refused(mount: Vault, pachd: Pachd) -> None:
    with pytest.raises(UserError, match=r"this is the admin token .* use config/rotate"):
        await mount.write("revoke", user_token=pachd.root_token)
    assert pachd.journal() == []
    assert pachd.subject_of(pachd.root_token)


async def test_another_token_of_the_admins_subject_is_refused(mount: Vault, pachd: Pachd) -> None:
    admin = add_admin(pachd, "robot:vault")
    await mount.write("config", admin_token=admin)
    spare = add_token(pachd, "robot:vault")
    with pytest.raises(UserError, match="engine's own admin"):
        await mount.write("revoke", user_token=spare)
    assert pachd.subject_of(spare) == "robot:vault"


async def test_roots_token_is_refused(mount: Vault, pachd: Pachd) -> None:
    await mount.write("config", admin_token=add_admin(pachd))
    root = add_token(pachd, "pach:root", ttl=0)
    with pytest.raises(UserError, match="pachd's own"):
        await mount.write("revoke", user_token=root)
    assert pachd.subject_of(root) == "pach:root"


async def test_the_admins_subject_is_learnt_where_it_was_not_verified(
    vault: Vault, pachd: Pachd
) -> None:
    admin = add_admin(pachd)
    await vault.write("config", admin_token=admin, pachd_address=pachd.address, verify=False)
    with pytest.raises(UserError, match="engine's own admin"):
        await vault.write("revoke", user_token=add_token(pachd, "robot:vault"))


@pytest.mark.parametrize(
    ("data", "why"),
    [
        ({}, "missing required field 'user_token'"),
        ({"user_token": None}, "missing required field 'user_token'"),
        ({"user_token": ""}, "invalid user_token: empty"),
        ({"user_token": " t"}, "invalid user_token"),
        ({"user_token": "t\n"}, "invalid user_token"),
        ({"user_token": "é"}, "invalid user_token"),
        ({"user_token": "t" * 4097}, "invalid user_token: longer"),
        ({"user_token": ["t"]}, "invalid user_token: expected text"),
    ],
)
async def test_a_mistake_is_told_before_anything_is_asked(
    mount: Vault, pachd: Pachd, data: dict[str, object], why: str
) -> None:
    with pytest.raises(UserError, match=why):
        await mount.write("revoke", **data)
    assert pachd.journal() == []


async def test_a_dead_admin_token_is_no_success(mount: Vault, pachd: Pachd) -> None:
    token = add_token(pachd, "robot:x")
    await mount.write("login/robot:warm")
    kill(pachd, pachd.root_token)
    with pytest.raises(BackendError, match="write a valid admin_token to config"):
        await mount.write("revoke", user_token=token)
    assert pachd.subject_of(token) == "robot:x"
