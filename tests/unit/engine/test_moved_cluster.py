"""A cluster is known by its id: leases follow it to another address, and tokens to no other."""

from __future__ import annotations

import asyncio
import dataclasses
import time
from typing import TYPE_CHECKING

import pytest
from grpc import StatusCode

from shim import BackendError
from tests.pachd import Auth, PachdV1, PachdV2, Simulator, self_signed
from tests.unit.engine.cluster import Pachd, add_admin, add_token, kill, sent
from tests.unit.engine.vault import Vault, lease_of
from vault_plugin import revocation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shim import Lease

DAY = 24 * 3600


@pytest.fixture
def moved(pachd: Pachd) -> Iterator[Pachd]:
    """The same cluster at another address."""
    there: Pachd = Simulator(pachd.cluster)  # type: ignore[assignment]
    with there:
        yield there


async def login(mount: Vault, subject: str = "robot:x", ttl: str = "5m") -> Lease:
    return lease_of(await mount.write(f"login/{subject}", ttl=ttl))


def held(lease: Lease) -> str:
    token: str = lease.internal["user_token"]
    return token


def of_0_1_0(lease: Lease) -> Lease:
    """As 0.1.0 stored it, which knew no ids."""
    internal = {k: v for k, v in lease.internal.items() if k != "cluster_id"}
    return dataclasses.replace(lease, internal=internal)


async def refused(mount: Vault, lease: Lease) -> str:
    with pytest.raises(BackendError) as refusal:
        await mount.revoke(mount.hold(lease))
    return str(refusal.value)


async def repoint(mount: Vault, pachd: Pachd, token: str = "", scheme: str = "grpc") -> None:
    where = f"{scheme}://{pachd.address}"
    await mount.write("config", admin_token=token or pachd.root_token, pachd_address=where)
    pachd.forget()


@pytest.mark.parametrize("old", [False, True], ids=["with its id", "of 0.1.0"])
async def test_leases_of_before_are_revoked_at_the_new_address(
    mount: Vault, pachd: Pachd, moved: Pachd, old: bool
) -> None:
    lease = await login(mount)
    assert lease.internal["cluster_id"]
    if old:
        lease = mount.hold(of_0_1_0(lease))
    pachd.die()
    await repoint(mount, moved)
    await mount.revoke(lease)
    assert moved.live()["robot:x"] == 0
    assert held(lease) not in sent(moved)


@pytest.mark.parametrize("old", [False, True], ids=["with its id", "of 0.1.0"])
async def test_leases_of_before_are_renewed_at_the_new_address(
    mount: Vault, pachd: Pachd, moved: Pachd, old: bool
) -> None:
    lease = await login(mount)
    if old:
        lease = mount.hold(of_0_1_0(lease))
    pachd.die()
    await repoint(mount, moved)
    renewed = lease_of(await mount.renew(lease, 600))
    assert renewed.internal["pachd_address"] == f"grpc://{moved.address}"
    moved.forget()
    await mount.renew(renewed, 600)
    assert moved.counts()["ExtractAuthTokens"] == 0  # it knows its new place
    await mount.revoke(renewed)
    assert moved.live()["robot:x"] == 0


async def test_one_extract_serves_many(mount: Vault, pachd: Pachd, moved: Pachd) -> None:
    leases = [await login(mount) for _ in range(5)]
    pachd.die()
    await repoint(mount, moved)
    for lease in leases:
        await mount.revoke(lease)
    assert moved.live()["robot:x"] == 0
    assert moved.counts()["ExtractAuthTokens"] == 1


async def test_a_token_is_not_sent_to_who_only_claims_the_id(
    mount: Vault, pachd: Pachd, other: Pachd
) -> None:
    lease = await login(mount)
    other.cluster.id = pachd.cluster.id
    pachd.die()
    await repoint(mount, other)
    assert "does not hold the token" in await refused(mount, lease)
    with pytest.raises(BackendError):
        await mount.renew(lease)
    assert held(lease) not in sent(other)
    assert not any(call.method == "RevokeAuthToken" for call in other.journal())
    pachd.restart()  # the lease's own address comes where nothing is proven
    await mount.revoke(lease)
    assert pachd.live()["robot:x"] == 0


async def test_another_cluster_at_the_leases_address(
    mount: Vault, pachd: Pachd, other: Pachd
) -> None:
    """Both ids are named, and no token is told to the newcomer."""
    lease = await login(mount)
    before = pachd.cluster.id
    await repoint(mount, other)
    pachd.cluster.id = "newcomer"
    pachd.forget()
    why = await refused(mount, lease)
    assert before in why
    assert "newcomer" in why
    assert sent(pachd) == set()
    assert held(lease) not in sent(other)


async def test_another_cluster_at_the_address_of_config(mount: Vault, pachd: Pachd) -> None:
    """The admin token works there too, as a root token that an operator chose may."""
    lease = await login(mount)
    before = pachd.cluster.id
    kill(pachd, held(lease))
    pachd.cluster.id = "newcomer"
    why = await refused(mount, lease)
    assert before in why
    assert "newcomer" in why


async def test_config_written_anew_for_a_newcomer_at_the_same_address(
    mount: Vault, pachd: Pachd
) -> None:
    lease = await login(mount)
    before, pachd.cluster.id = pachd.cluster.id, "newcomer"
    await repoint(mount, pachd)
    kill(pachd, held(lease))
    why = await refused(mount, lease)
    assert before in why
    assert "newcomer" in why


async def test_a_robot_user_cannot_prove_it(mount2: Vault, v2: Simulator[PachdV2]) -> None:
    lease = await login(mount2)
    with Simulator(v2.cluster) as moved:
        v2.die()
        await repoint(mount2, moved, add_admin(moved))
        why = await refused(mount2, lease)
        assert "cannot be proven" in why
        assert "clusterAdmin" in why
        await repoint(mount2, moved)
        await mount2.revoke(lease)
        assert moved.live()["robot:x"] == 0


async def test_people_cannot_be_proven(mount1: Vault, v1: Simulator[PachdV1]) -> None:
    await mount1.write("config", allowed_subjects="github:*")
    lease = await login(mount1, "github:ada")
    with Simulator(v1.cluster) as moved:
        v1.die()
        await repoint(mount1, moved)
        assert "tokens of robots alone" in await refused(mount1, lease)
        assert held(lease) not in sent(moved)


async def test_a_token_that_ended_a_day_ago_is_dead(mount: Vault, pachd: Pachd) -> None:
    lease = await login(mount)
    pachd.die()
    ended = {**lease.internal, "token_end": time.time() - DAY + 60}
    assert pachd.address in await refused(mount, dataclasses.replace(lease, internal=ended))
    ended["token_end"] -= 120
    await mount.revoke(mount.hold(dataclasses.replace(lease, internal=ended)))


async def test_without_config_a_token_unknown_to_its_own_cluster_is_dead(
    mount: Vault, pachd: Pachd, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(revocation, "DOUBT", 0.05)
    lease = await login(mount)
    await mount.ask("delete", "config")
    kill(pachd, held(lease))
    pachd.forget()
    await mount.revoke(lease)
    told = [call for call in pachd.journal() if call.tokens]
    assert len(told) == 2


async def test_without_config_one_refusal_is_not_believed(
    mount: Vault, pachd: Pachd, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As while the database of a 2.x pachd fails."""
    monkeypatch.setattr(revocation, "DOUBT", 0.05)
    lease = await login(mount)
    await mount.ask("delete", "config")
    unknown = "provided auth token is corrupted or has expired (try logging in again)"
    pachd.faults.refuse("RevokeAuthToken", StatusCode.UNAUTHENTICATED, unknown, times=1)
    assert "try again" in await refused(mount, lease)
    await mount.revoke(lease)
    assert pachd.live()["robot:x"] == 0


async def test_a_lease_without_id_and_another_cluster_at_its_address(
    mount: Vault, pachd: Pachd, other: Pachd
) -> None:
    """Config names a third one: what the second does not know is no proof."""
    lease = of_0_1_0(await login(mount))
    await repoint(mount, other)
    kill(pachd, held(lease))
    assert "does not know the token" in await refused(mount, lease)


# TLS is not left

CERTIFICATE = self_signed("127.0.0.1", "localhost")


@pytest.mark.parametrize("generation", [PachdV1, PachdV2])
async def test_a_token_that_came_over_tls_is_never_sent_in_plain_text(
    vault: Vault, generation: type[PachdV1 | PachdV2]
) -> None:
    with Simulator(generation(), certificate=CERTIFICATE) as secure:
        where = f"grpcs://{secure.address}"
        bundle = CERTIFICATE.certificate.decode()
        await vault.write(
            "config", admin_token=secure.root_token, pachd_address=where, ca_cert=bundle
        )
        lease = await login(vault)
        there: Pachd = Simulator(secure.cluster)  # type: ignore[assignment]
        with there as plain:
            secure.die()
            await repoint(vault, plain)
            with pytest.raises(BackendError, match="came over TLS"):
                await vault.renew(lease, 60)
            assert held(lease) not in sent(plain)
            await vault.revoke(lease)  # at a proven cluster, by the admin
            assert plain.live()["robot:x"] == 0
            assert held(lease) not in sent(plain)


async def test_plain_text_in_the_place_of_tls(vault: Vault) -> None:
    """The same host and port, which config now names in plain text."""
    with Simulator(PachdV2(), certificate=CERTIFICATE) as secure:
        bundle = CERTIFICATE.certificate.decode()
        await vault.write(
            "config",
            admin_token=secure.root_token,
            pachd_address=f"grpcs://{secure.address}",
            ca_cert=bundle,
        )
        lease = await login(vault)
        secure.die()
        with Simulator(secure.cluster, port=secure.port) as plain:
            await repoint(vault, plain)
            with pytest.raises(BackendError, match="came over TLS"):
                await vault.renew(lease, 60)
            assert held(lease) not in sent(plain)
            await vault.revoke(lease)
            assert plain.live()["robot:x"] == 0


async def test_tls_in_the_place_of_plain_text(vault: Vault) -> None:
    with Simulator(PachdV2()) as plain:
        await repoint(vault, plain)
        lease = await login(vault)
        plain.die()
        with Simulator(plain.cluster, port=plain.port, certificate=CERTIFICATE) as secure:
            await vault.write(
                "config",
                admin_token=secure.root_token,
                pachd_address=f"grpcs://{secure.address}",
                ca_cert=CERTIFICATE.certificate.decode(),
            )
            await vault.renew(lease, 60)
            await vault.revoke(lease)
            assert secure.live()["robot:x"] == 0


async def test_the_id_is_shown(mount: Vault, pachd: Pachd) -> None:
    assert (await mount.read("config")).data["cluster_id"] == pachd.cluster.id  # type: ignore[index]
    pachd.cluster.id = "newcomer"
    found = (await mount.read("check")).data
    assert found is not None
    assert found["cluster_id"] == "newcomer"
    assert any("another answers at its address" in problem for problem in found["problems"])


async def test_an_unverified_configuration_learns_the_id_once(vault: Vault, pachd: Pachd) -> None:
    await vault.write(
        "config", admin_token=pachd.root_token, pachd_address=pachd.address, verify=False
    )
    assert (await login(vault)).internal["cluster_id"] == pachd.cluster.id
    pachd.forget()
    await login(vault)
    assert pachd.counts()["InspectCluster"] == 0


async def test_who_is_revoked_is_nobody_else(mount: Vault, pachd: Pachd, moved: Pachd) -> None:
    lease = await login(mount)
    stranger = add_token(pachd, "robot:stranger")
    pachd.die()
    await repoint(mount, moved)
    await mount.revoke(lease)
    assert moved.subject_of(stranger) == "robot:stranger"


async def test_a_newcomer_without_auth_at_the_address_of_config_proves_nothing(
    mount: Vault, pachd: Pachd
) -> None:
    lease = await login(mount)
    before, pachd.cluster.id = pachd.cluster.id, "newcomer"
    if isinstance(pachd.cluster, PachdV1):
        pachd.cluster.auth = Auth.INACTIVE
    else:
        pachd.cluster.active = False
    why = await refused(mount, lease)
    assert before in why
    assert "newcomer" in why


async def test_a_cluster_that_does_not_tell_its_id_proves_nothing(
    mount: Vault, pachd: Pachd
) -> None:
    lease = await login(mount)
    kill(pachd, held(lease))
    pachd.faults.refuse("InspectCluster", StatusCode.INTERNAL, "boom")
    assert "does not tell which cluster it is" in await refused(mount, lease)
    pachd.faults.clear()
    await mount.revoke(lease)


async def test_an_old_address_without_a_word_holds_up_no_crowd(
    mount: Vault, pachd: Pachd, moved: Pachd
) -> None:
    """Leases without an id ask there first, all at the same time."""
    await mount.write("config", request_timeout="1s")
    leases = [mount.hold(of_0_1_0(await login(mount))) for _ in range(12)]
    await repoint(mount, moved)
    pachd.freeze()
    began = time.monotonic()
    await asyncio.gather(*(mount.revoke(lease) for lease in leases))
    assert time.monotonic() - began < 8  # one after the other would be twelve times the limit
    assert moved.live()["robot:x"] == 0
