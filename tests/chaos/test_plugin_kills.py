"""``kill -9`` of the plugin at random moments of a steady load.

With `crash_safe=true` nothing is lost. Without it, what pachd was making as the plugin died is a
token nobody knows; it ends by its TTL.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from tests.chaos.load import Load
from tests.chaos.reckoning import reckon
from tests.chaos.record import Loss
from tests.chaos.stage import Stage, stage
from tests.integration.mount import PLUGIN

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.chaos.conftest import Chaos
    from tests.integration.kept_server import KeptServer

ANSWERS = 10  # between two kills, so that each meets a plugin at work
LATEST = 0.4  # seconds after them

pytestmark = pytest.mark.timeout(1800)


def storm(run: Chaos, on: Stage[KeptServer]) -> tuple[Load, list[float]]:
    """The load and when (Unix seconds) the plugin was killed."""
    kills = []
    with Load(on.ways, run.seed) as load:
        for _ in range(run.trials):
            load.go_on(ANSWERS)
            time.sleep(run.random.uniform(0, LATEST))
            kills.append(time.time())
            on.server.kill_plugin(PLUGIN)
        load.go_on(ANSWERS)
    return load, kills


def test_crash_safe_nothing_is_lost(chaos: Callable[[str], Chaos], plugin_file: Path) -> None:
    run = chaos("plugin-kills")
    with stage(plugin_file, crash_safe=True) as on:
        load, kills = storm(run, on)
        record = reckon(run, on, load, kills)
    assert load.refused
    assert not record.losses


def test_without_it_a_token_in_the_making_is_lost_and_ends_by_its_ttl(
    chaos: Callable[[str], Chaos], plugin_file: Path
) -> None:
    run = chaos("plugin-kills-plain")
    with stage(plugin_file, crash_safe=False) as on:
        load, kills = storm(run, on)
        record = reckon(run, on, load, kills)
    assert record.losses.keys() <= {Loss.TOKEN}
