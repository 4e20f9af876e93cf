"""``kill -9`` of the plugin at random moments of a steady load.

With `crash_safe=true` nothing is lost. Without it, what pachd was making as the plugin died is a
token nobody knows; it ends by its TTL.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest

from tests.chaos.load import Load
from tests.chaos.reckoning import reckon
from tests.chaos.record import Loss
from tests.chaos.stage import stage
from tests.chaos.storm import storm
from tests.integration.mount import PLUGIN

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.chaos.conftest import Chaos

ANSWERS = 10  # between two kills

pytestmark = pytest.mark.timeout(1800)


def test_crash_safe_nothing_is_lost(chaos: Callable[[str], Chaos], plugin_file: Path) -> None:
    run = chaos("plugin-kills")
    with stage(plugin_file, crash_safe=True) as on:
        load = Load(on.ways, run.seed)
        kills = storm(run, load, partial(on.server.kill_plugin, PLUGIN), answers=ANSWERS)
        record = reckon(run, on, load, kills)
    assert load.refused
    assert not record.losses


def test_without_it_a_token_in_the_making_is_lost_and_ends_by_its_ttl(
    chaos: Callable[[str], Chaos], plugin_file: Path
) -> None:
    run = chaos("plugin-kills-plain")
    with stage(plugin_file, crash_safe=False) as on:
        load = Load(on.ways, run.seed)
        kills = storm(run, load, partial(on.server.kill_plugin, PLUGIN), answers=ANSWERS)
        record = reckon(run, on, load, kills)
    assert record.losses.keys() <= {Loss.TOKEN}
