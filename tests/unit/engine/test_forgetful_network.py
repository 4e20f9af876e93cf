"""Networks that forget idle flows: the first call after any pause succeeds."""

from __future__ import annotations

import asyncio
import dataclasses
from typing import TYPE_CHECKING

import pytest

from shim.grpc import Keepalive
from tests.pachd.relay import Relay
from tests.unit.engine.cluster import mint_method
from tests.unit.engine.vault import lease_of
from vault_plugin.pachyderm import client

if TYPE_CHECKING:
    from tests.unit.engine.cluster import Pachd
    from tests.unit.engine.vault import Vault

MEMORY = 0.3  # seconds


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """All in less time than it takes."""

    def keepalive(**times: float) -> Keepalive:
        return dataclasses.replace(Keepalive(**times), fresh=0.1, proof=0.3)

    monkeypatch.setattr(client, "Keepalive", keepalive)


@pytest.mark.parametrize("silent", [False, True], ids=["by reset", "by silence"])
async def test_the_first_call_after_each_pause_succeeds(
    vault: Vault, pachd: Pachd, silent: bool
) -> None:
    async with Relay(pachd.port, MEMORY, silent=silent) as relay:
        await vault.write(
            "config",
            admin_token=pachd.root_token,
            pachd_address=f"127.0.0.1:{relay.port}",
            request_timeout="5s",
        )
        lease = lease_of(await vault.write("login/robot:x"))
        for _ in range(3):
            await asyncio.sleep(2 * MEMORY)
            await vault.write("login/robot:x")
            await asyncio.sleep(2 * MEMORY)
            await vault.renew(lease, 60)
            await asyncio.sleep(2 * MEMORY)
            assert (await vault.read("check")).data["problems"] == []  # type: ignore[index]
        await asyncio.sleep(2 * MEMORY)
        await vault.revoke(lease)
    assert pachd.counts()[mint_method(pachd)] == 4  # none was sent twice
    assert pachd.live()["robot:x"] == 3


async def test_under_load_nothing_is_proven(mount: Vault, pachd: Pachd) -> None:
    await mount.write("login/robot:x")
    for _ in range(20):
        await mount.write("login/robot:x")
    assert pachd.connections == 1
