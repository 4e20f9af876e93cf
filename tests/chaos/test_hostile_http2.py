"""Hostile HTTP/2 on the plugin's own socket: others are served all the while, memory is bounded."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import time
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from tests.chaos.attacks import ATTACKS, MEGABYTE, Attack
from tests.chaos.record import Loss
from tests.unit.process.mounted import Mounted, mounted

if TYPE_CHECKING:
    import random
    from collections.abc import Callable
    from pathlib import Path

    from tests.chaos.conftest import Chaos

AT_ONCE = 4  # attackers
MOST_BYTES = 64 * MEGABYTE  # of one attacker
SECONDS = {True: 3.0, False: 0.5}  # that one attacker goes on at most, at full size and short
HOLD = 20.0  # seconds that an honest request may take meanwhile, on a busy machine
MOST = 600_000  # kilobytes that the plugin may hold at most

pytestmark = pytest.mark.timeout(1200)


async def attack(mount: Mounted, words: Attack, rng: random.Random, seconds: float) -> bool:
    """Attack once, for so long at most; gives whether the plugin has hung up."""
    plugin = mount.host.plugin
    assert plugin.certificate is not None
    tls = plugin.certificate.context(ssl.PROTOCOL_TLS_CLIENT, plugin.plugin_pem)
    reader, writer = await asyncio.open_unix_connection(
        str(plugin.socket), ssl=tls, server_hostname="localhost"
    )
    listening = asyncio.create_task(hear_out(reader))
    sent, deadline = 0, time.monotonic() + seconds
    with contextlib.suppress(ConnectionError):
        for piece in words(rng):
            if listening.done() or sent > MOST_BYTES or time.monotonic() > deadline:
                break
            writer.write(piece)
            sent += len(piece)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(writer.drain(), 0.2)
    await asyncio.wait([listening], timeout=0.2)
    hung_up = listening.done()
    writer.transport.abort()
    await asyncio.wait([listening])
    return hung_up


async def hear_out(reader: asyncio.StreamReader) -> None:
    """Take what the plugin says until it hangs up."""
    with contextlib.suppress(ConnectionError, ssl.SSLError):
        while await reader.read(MEGABYTE):
            pass


async def test_hostile_http2(chaos: Callable[[str], Chaos], plugin_file: Path) -> None:
    run = chaos("hostile-http2")
    served = 0
    slowest = 0.0
    hung_up = Counter[str]()
    over = asyncio.Event()

    async def ask(mount: Mounted) -> None:
        nonlocal served, slowest
        while not over.is_set():
            began = time.monotonic()
            version = await mount.ask("read", "version/client-only")
            assert "client-version" in version.response.data
            slowest = max(slowest, time.monotonic() - began)
            served += 1
            await asyncio.sleep(0.02)

    async with mounted(command=(str(plugin_file),)) as mount:
        asking = asyncio.create_task(ask(mount))
        names = list(ATTACKS)
        for number in range(0, run.trials, AT_ONCE):
            chosen = [names[n % len(names)] for n in range(number, number + AT_ONCE)]
            attacks = (
                attack(mount, ATTACKS[name], run.random, SECONDS[run.full]) for name in chosen
            )
            for name, cut in zip(chosen, await asyncio.gather(*attacks), strict=True):
                hung_up[name] += cut
        over.set()
        await asking
        assert mount.host.plugin.process.returncode is None
        peak = mount.peak
    record = run.record(
        trials=run.trials,
        answered=served,
        losses=+Counter({Loss.HANG: int(slowest > HOLD)}),
        notes=[
            f"Honest requests meanwhile took at most {slowest:.2f} s.",
            f"The plugin held at most {peak // 1000} MB.",
            f"{sum(1 for name in names if hung_up[name])} of {len(names)} kinds made it hang up.",
        ],
    )
    assert not record.losses
    assert served > run.trials / AT_ONCE
    assert peak < MOST
