"""The server is sealed in the midst of a load, which ends its plugin, and unsealed again."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from tests.chaos.load import Load
from tests.chaos.reckoning import reckon
from tests.chaos.stage import stage

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.chaos.conftest import Chaos

ANSWERS = 20  # between two seals
LATEST = 0.5  # seconds after them

pytestmark = pytest.mark.timeout(1800)


def test_nothing_is_lost(chaos: Callable[[str], Chaos], plugin_file: Path) -> None:
    run, seals = chaos("seals"), []
    with stage(plugin_file, crash_safe=True) as on:
        with Load(on.ways, run.seed) as load:
            for _ in range(run.trials):
                load.go_on(ANSWERS)
                time.sleep(run.random.uniform(0, LATEST))
                seals.append(time.time())
                on.server.seal()
                on.server.unseal()
            load.go_on(ANSWERS)
        record = reckon(run, on, load, seals)
    assert load.refused
    assert not record.losses
