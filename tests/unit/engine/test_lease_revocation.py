"""``vault lease revoke``: what counts as done, and who may say so."""

import dataclasses

import pytest
from grpc import StatusCode

from shim import BackendError, ErrorType, Lease
from tests.pachd import Auth, PachdV1, PachdV2, Simulator
from tests.unit.engine.cluster import Pachd, add_admin, add_token, expire, is_v1, kill, sent
from tests.unit.engine.vault import Vault, lease_of, token_of

FATAL = {
    ErrorType.UNSUPPORTED_OPERATION,
    ErrorType.UNSUPPORTED_PATH,
    ErrorType.INVALID_REQUEST,
    ErrorType.UNRECOVERABLE,
}


async def login(mount: Vault) -> Lease:
    return lease_of(await mount.write("login/robot:x", ttl="5m"))


def held(lease: Lease) -> str:
    token: str = lease.internal["user_token"]
    return token


async def refused(mount: Vault, lease: Lease) -> str:
    """Why the revocation failed, which the host must take as worth another try."""
    with pytest.raises(BackendError) as refusal:
        await mount.revoke(mount.hold(lease))
    assert refusal.value.kind not in FATAL
    return str(refusal.value)


async def test_the_token_is_dead_by_one_call_of_the_admin(mount: Vault, pachd: Pachd) -> None:
    lease = await login(mount)
    pachd.forget()
    await mount.revoke(lease)
    assert pachd.subject_of(held(lease)) is None
    assert dict(pachd.counts()) == {"RevokeAuthToken": 1}
    assert sent(pachd) == {pachd.root_token}


async def test_only_this_token(mount: Vault, pachd: Pachd) -> None:
    first, second = await login(mount), await login(mount)
    await mount.revoke(first)
    assert pachd.subject_of(held(second)) == "robot:x"


async def test_twice(mount: Vault) -> None:
    lease = await login(mount)
    await mount.revoke(lease)
    await mount.revoke(mount.hold(lease))


@pytest.mark.parametrize("end", [kill, expire])
async def test_a_token_ended_out_of_band_is_done(mount: Vault, pachd: Pachd, end: object) -> None:
    lease = await login(mount)
    end(pachd, held(lease))  # type: ignore[operator]
    await mount.revoke(lease)
    assert sent(pachd) == {pachd.root_token}


@pytest.mark.parametrize("end", [kill, expire])
async def test_a_bad_admin_token_and_a_living_user_token(
    mount: Vault, pachd: Pachd, end: object
) -> None:
    lease = await login(mount)
    end(pachd, pachd.root_token)  # type: ignore[operator]
    await mount.revoke(lease)
    assert pachd.live()["robot:x"] == 0
    assert sent(pachd) == {pachd.root_token, held(lease)}


async def test_an_admin_token_that_may_not_revoke(mount1: Vault, v1: Simulator[PachdV1]) -> None:
    lease = await login(mount1)
    plain = add_token(v1, "robot:plain")
    await mount1.write("config", admin_token=plain, verify=False)
    await mount1.revoke(lease)
    assert v1.live()["robot:x"] == 0


@pytest.mark.parametrize("end", [kill, expire])
async def test_bad_admin_and_bad_user_token_are_never_taken_for_done(
    mount: Vault, pachd: Pachd, end: object
) -> None:
    """Neither caller is one pachd takes, so nothing it says proves the user's token dead."""
    lease = await login(mount)
    kill(pachd, held(lease))
    end(pachd, pachd.root_token)  # type: ignore[operator]
    why = await refused(mount, lease)
    assert "the admin token cannot revoke" in why
    assert "write a valid admin_token to config" in why


async def test_2x_the_tokens_own_expiry_is_told_by_itself(
    mount2: Vault, v2: Simulator[PachdV2]
) -> None:
    lease = await login(mount2)
    expire(v2, v2.root_token)
    expire(v2, held(lease))
    await mount2.revoke(lease)


async def test_config_is_deleted(mount: Vault, pachd: Pachd) -> None:
    lease = await login(mount)
    await mount.ask("delete", "config")
    pachd.forget()
    await mount.revoke(lease)
    assert pachd.live()["robot:x"] == 0
    assert sent(pachd) == {held(lease)}


async def test_config_names_another_cluster(mount: Vault, pachd: Pachd, other: Pachd) -> None:
    lease = await login(mount)
    old = pachd.root_token
    await mount.write("config", admin_token=other.root_token, pachd_address=other.address)
    pachd.forget()
    other.forget()
    await mount.revoke(lease)
    assert pachd.live()["robot:x"] == 0
    assert sent(pachd) == {held(lease)}
    assert other.journal() == []
    await mount.write("login/robot:y")
    assert old not in sent(other)


async def test_config_names_a_cluster_of_the_other_generation(
    mount: Vault, v1: Simulator[PachdV1], v2: Simulator[PachdV2], pachd: Pachd
) -> None:
    lease = await login(mount)
    new: Pachd = v2 if is_v1(pachd) else v1
    await mount.write("config", admin_token=new.root_token, pachd_address=new.address)
    new.forget()
    await mount.revoke(lease)
    assert pachd.live()["robot:x"] == 0
    assert new.journal() == []


async def test_the_same_cluster_in_other_words(mount: Vault, pachd: Pachd) -> None:
    lease = await login(mount)
    written = f"http://{pachd.address}"
    new = add_admin(pachd)
    await mount.write("config", admin_token=new, pachd_address=written)
    pachd.forget()
    await mount.revoke(lease)
    assert pachd.live()["robot:x"] == 0
    assert sent(pachd) == {new}


async def test_auth_was_deactivated(mount: Vault, pachd: Pachd) -> None:
    lease = await login(mount)
    if isinstance(pachd.cluster, PachdV1):
        pachd.cluster.auth = Auth.INACTIVE
    else:
        pachd.cluster.active = False
    await mount.revoke(lease)


async def test_1x_auth_is_partially_activated(mount1: Vault, v1: Simulator[PachdV1]) -> None:
    lease = await login(mount1)
    v1.cluster.auth = Auth.PARTIAL
    assert "partially activated" in await refused(mount1, lease)
    v1.cluster.auth = Auth.ACTIVE
    await mount1.revoke(lease)
    assert v1.live()["robot:x"] == 0


async def test_1x_auth_is_activated_between_two_looks(
    mount1: Vault, v1: Simulator[PachdV1]
) -> None:
    """RevokeAuthToken said "not activated" of a cluster that by now has living tokens."""
    lease = await login(mount1)
    v1.faults.refuse(
        "RevokeAuthToken",
        StatusCode.UNIMPLEMENTED,
        "the auth service is not activated",
        times=1,
    )
    assert "try again" in await refused(mount1, lease)
    await mount1.revoke(lease)
    assert v1.live()["robot:x"] == 0


async def test_pachd_is_down(mount: Vault, pachd: Pachd) -> None:
    lease = await login(mount)
    pachd.die()
    for _ in range(3):
        assert pachd.address in await refused(mount, lease)
    pachd.restart()
    await mount.revoke(lease)
    assert pachd.live()["robot:x"] == 0


async def test_pachd_is_down_and_config_deleted(mount: Vault, pachd: Pachd) -> None:
    lease = await login(mount)
    await mount.ask("delete", "config")
    pachd.die()
    assert pachd.address in await refused(mount, lease)
    pachd.restart()
    await mount.revoke(lease)
    assert pachd.live()["robot:x"] == 0


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (StatusCode.UNKNOWN, "transaction conflict"),
        (StatusCode.INTERNAL, "boom"),
        (StatusCode.UNAVAILABLE, "the auth service is only partially activated"),
        (StatusCode.RESOURCE_EXHAUSTED, "too much"),
        (StatusCode.UNIMPLEMENTED, "unknown method RevokeAuthToken for service auth.API"),
        (StatusCode.PERMISSION_DENIED, "no"),
        (StatusCode.UNKNOWN, "robot:x is not authorized to perform this operation"),
        (StatusCode.UNAUTHENTICATED, "no authentication token (try logging in)"),
    ],
)
async def test_any_other_answer_is_tried_again(
    mount: Vault, pachd: Pachd, code: StatusCode, message: str
) -> None:
    lease = await login(mount)
    pachd.faults.refuse("RevokeAuthToken", code, message)
    assert message in await refused(mount, lease)
    pachd.faults.clear()
    await mount.revoke(lease)
    assert pachd.live()["robot:x"] == 0


async def test_2x_an_answer_after_the_effect_is_lost(mount2: Vault, v2: Simulator[PachdV2]) -> None:
    lease = await login(mount2)
    with_effect = StatusCode.INTERNAL, "lost"
    v2.faults.refuse("RevokeAuthToken", *with_effect, times=1)
    await refused(mount2, lease)
    await mount2.revoke(lease)


# What another version of the engine stored


async def test_only_the_token_is_known(mount: Vault, pachd: Pachd) -> None:
    token = token_of(await mount.write("login/robot:x"))
    await mount.revoke(
        mount.hold(Lease(type="pachyderm_tokens", ttl=1, internal={"user_token": token}))
    )
    assert pachd.live()["robot:x"] == 0


async def test_unknown_and_null_values_are_passed_over(mount: Vault, pachd: Pachd) -> None:
    lease = await login(mount)
    internal = {
        **lease.internal,
        "ca_cert": None,
        "token_end": None,
        "ttl": None,
        "from_the_future": {"a": [1]},
    }
    old = mount.hold(dataclasses.replace(lease, internal=internal))
    renewed = await mount.renew(old, 60)
    await mount.revoke(lease_of(renewed))
    assert pachd.live()["robot:x"] == 0


async def test_no_address_and_no_configuration(mount: Vault) -> None:
    token = token_of(await mount.write("login/robot:x"))
    await mount.ask("delete", "config")
    lease = Lease(type="pachyderm_tokens", ttl=1, internal={"user_token": token})
    assert "names no pachd_address" in await refused(mount, lease)


@pytest.mark.parametrize("internal", [{}, {"user_token": ""}, {"user_token": None}])
async def test_no_token(mount: Vault, internal: dict[str, object]) -> None:
    lease = Lease(type="pachyderm_tokens", ttl=1, internal=internal)
    assert "holds no user_token" in await refused(mount, lease)


async def test_a_token_of_another_kind(mount: Vault) -> None:
    lease = Lease(type="pachyderm_tokens", ttl=1, internal={"user_token": 7})
    assert "holds a user_token that makes no sense" in await refused(mount, lease)


@pytest.mark.parametrize(
    "broken", [{"pachd_address": "tcp://x:1"}, {"pachd_address": "grpcs://x", "ca_cert": "junk"}]
)
async def test_a_place_this_version_cannot_dial(mount: Vault, broken: dict[str, str]) -> None:
    lease = await login(mount)
    await mount.ask("delete", "config")
    internal = {**lease.internal, **broken}
    assert "pachd at " in await refused(mount, dataclasses.replace(lease, internal=internal))


async def test_the_generation_remembered_with_the_lease_is_not_trusted(
    mount: Vault, pachd: Pachd
) -> None:
    lease = await login(mount)
    await mount.ask("delete", "config")
    wrong = {**lease.internal, "generation": "2.x" if is_v1(pachd) else "1.x"}
    await mount.revoke(mount.hold(dataclasses.replace(lease, internal=wrong)))
    assert pachd.live()["robot:x"] == 0
