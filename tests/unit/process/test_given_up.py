"""Callers that give up at any moment of a login: no token lives that nobody has."""

import asyncio
import contextlib
import random
import time
from typing import Any

import pytest

from shim.grpc.outgoing import UnaryExchange
from tests.pachd import PachdV1, PachdV2, Simulator
from tests.unit.process.mounted import Mounted, mounted
from tests.unit.process.plugin_host import SOON

LOGINS = 400
ABREAST = 8
SUBJECT = "robot:x"


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """What came as the answer of a call.

    The caller does not always see it: a task that is cancelled as its answer comes loses it here,
    which grpc-go's callers do not.
    """
    came: list[object] = []
    settle = UnaryExchange._settle

    def watched(self: UnaryExchange[Any, Any], fault: Any) -> None:
        if fault is None:
            came.append(self)
        settle(self, fault)

    monkeypatch.setattr(UnaryExchange, "_settle", watched)
    return came


async def give_up(mount: Mounted, logins: int, usual: float) -> None:
    """Log in again and again, and wait no longer than it takes, or a fraction of that."""
    for _ in range(logins):
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(random.uniform(0.2, 1) * usual):
                await mount.ask("update", f"login/{SUBJECT}")


@pytest.mark.parametrize("kind", [PachdV1, PachdV2])
async def test_no_token_lives_that_nobody_has(
    kind: type[PachdV1] | type[PachdV2], answers: list[object]
) -> None:
    simulator: Simulator[PachdV1 | PachdV2] = Simulator(kind())
    with simulator as pachd:
        async with mounted() as mount:
            fields = {"admin_token": pachd.root_token, "pachd_address": pachd.address}
            await mount.ask("update", "config", **fields)
            answers.clear()
            began = time.monotonic()
            await asyncio.gather(*(mount.ask("update", f"login/{SUBJECT}") for _ in range(ABREAST)))
            usual = time.monotonic() - began
            await asyncio.gather(
                *(give_up(mount, LOGINS // ABREAST, usual) for _ in range(ABREAST))
            )
            taken = len(answers)
            assert ABREAST < taken < LOGINS
            async with asyncio.timeout(SOON):
                while pachd.live()[SUBJECT] != taken:  # noqa: ASYNC110 - it tells in its own time
                    await asyncio.sleep(0.05)
