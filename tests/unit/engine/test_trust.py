"""Bundles are stored once, by their hash, and stay for as long as a lease may name them."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING

import pytest

from tests.pachd import PachdV1, PachdV2, Simulator, self_signed
from tests.unit.engine.vault import Vault, lease_of
from vault_plugin import trust

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shim import Lease
    from tests.unit.engine.cluster import Pachd

CERTIFICATE = self_signed("127.0.0.1", "localhost")
# As the bundle of a system is: ours among many others.
BUNDLE = CERTIFICATE.certificate.decode() + "".join(
    self_signed(f"ca{number}.example").certificate.decode() for number in range(150)
)
DAY = 24 * 3600


@pytest.fixture(params=[PachdV1, PachdV2])
def secure(request: pytest.FixtureRequest) -> Iterator[Pachd]:
    with Simulator(request.param(), certificate=CERTIFICATE) as pachd:
        yield pachd


async def configure(vault: Vault, pachd: Pachd, bundle: str = BUNDLE, **fields: object) -> None:
    await vault.write(
        "config",
        admin_token=pachd.root_token,
        pachd_address=f"grpcs://{pachd.address}",
        ca_cert=bundle,
        **fields,
    )


async def login(vault: Vault) -> Lease:
    return lease_of(await vault.write("login/robot:x", ttl="5m"))


def stored(vault: Vault) -> list[str]:
    return [key for key in vault.entries if key.startswith(trust.PREFIX)]


def age(vault: Vault, seconds: float) -> None:
    """Let config have ceased to name the bundles so long ago."""
    for key in stored(vault):
        entry = json.loads(vault.entries[key])
        if entry["until"] is not None:
            entry["left"] -= seconds
            entry["until"] -= seconds
        vault.entries[key] = json.dumps(entry).encode()


@pytest.mark.parametrize("crash_safe", [False, True])
async def test_leases_and_the_log_hold_its_hash_alone(
    vault: Vault, secure: Pachd, crash_safe: bool
) -> None:
    assert len(BUNDLE) > 64 * 1024
    await configure(vault, secure, crash_safe=crash_safe)
    lease = await login(vault)
    assert len(json.dumps(lease.internal)) < 1024
    assert stored(vault) == [trust.PREFIX + trust.name_of(BUNDLE)]
    for key in vault.log_entries + vault.given_entries:
        assert len(vault.entries[key]) < 2048
    vault.calls.clear()
    await login(vault)
    assert vault.calls["Storage/Get"] == 0
    assert vault.calls["Storage/Put"] == 2 * crash_safe


async def test_a_lease_finds_it_without_the_configuration(vault: Vault, secure: Pachd) -> None:
    await configure(vault, secure)
    lease = await login(vault)
    await vault.ask("delete", "config")
    await vault.revoke(lease)
    assert secure.live()["robot:x"] == 0


async def test_a_lease_of_0_1_0_keeps_its_own(vault: Vault, secure: Pachd) -> None:
    await configure(vault, secure)
    lease = await login(vault)
    await vault.ask("delete", "config")
    for key in stored(vault):
        del vault.entries[key]
    internal = {k: v for k, v in lease.internal.items() if k not in ("trust", "cluster_id")}
    old = dataclasses.replace(lease, internal={**internal, "ca_cert": BUNDLE})
    await vault.revoke(vault.hold(old))
    assert secure.live()["robot:x"] == 0


async def test_a_configuration_of_0_1_0_has_its_bundle_stored_by_the_first_login(
    vault: Vault, secure: Pachd
) -> None:
    await configure(vault, secure)
    for key in stored(vault):
        del vault.entries[key]
    await vault.backend.invalidate("config")
    lease = await login(vault)
    assert stored(vault) == [trust.PREFIX + lease.internal["trust"]]


async def test_it_goes_when_no_lease_can_name_it(vault: Vault, secure: Pachd) -> None:
    vault.max_ttl = 10 * DAY
    await configure(vault, secure)
    await vault.roll_back()
    age(vault, 1000 * DAY)
    await vault.roll_back()
    assert len(stored(vault)) == 1  # config names it
    other = CERTIFICATE.certificate.decode()
    await configure(vault, secure, other)
    await vault.roll_back()
    assert len(stored(vault)) == 2
    age(vault, 10 * DAY)
    await vault.roll_back()
    assert len(stored(vault)) == 2
    vault.max_ttl = 20 * DAY  # tuned up: leases may last longer now
    await vault.roll_back()
    age(vault, 5 * DAY)
    await vault.roll_back()
    assert len(stored(vault)) == 2
    age(vault, 6 * DAY)
    await vault.roll_back()
    assert stored(vault) == [trust.PREFIX + trust.name_of(other)]


async def test_config_names_it_again(vault: Vault, secure: Pachd) -> None:
    await configure(vault, secure)
    await configure(vault, secure, CERTIFICATE.certificate.decode())
    await vault.roll_back()
    await configure(vault, secure)
    await vault.roll_back()
    age(vault, 1000 * DAY)
    await vault.roll_back()
    assert trust.PREFIX + trust.name_of(BUNDLE) in vault.entries


async def test_one_that_the_log_names_stays(vault: Vault, secure: Pachd) -> None:
    await configure(vault, secure, crash_safe=True)
    await login(vault)
    await vault.ask("delete", "config")
    secure.die()
    await vault.roll_back()
    age(vault, 1000 * DAY)
    await vault.roll_back()
    assert len(stored(vault)) == 1
    secure.restart()
    await vault.roll_back()
    assert secure.live()["robot:x"] == 0
    await vault.roll_back()
    assert stored(vault) == []
