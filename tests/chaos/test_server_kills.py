"""``kill -9`` of the server in the midst of a load, and its restart from what is on disk.

What the plugin had answered and the host had not written yet is a token without a lease. With
`crash_safe=true` the engine's log knows of it, and it ends when its lease would have ended; without
it, when the token itself does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.chaos.load import Load
from tests.chaos.reckoning import reckon
from tests.chaos.record import Loss
from tests.chaos.stage import Stage, stage
from tests.chaos.storm import storm

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.chaos.conftest import Chaos
    from tests.integration.kept_server import KeptServer

ANSWERS = 20  # between two kills

pytestmark = pytest.mark.timeout(1800)


def kills(run: Chaos, on: Stage[KeptServer], load: Load) -> list[float]:
    def kill() -> None:
        on.server.kill9()
        on.server.start()

    return storm(run, load, kill, answers=ANSWERS)


def test_crash_safe_nothing_is_lost(chaos: Callable[[str], Chaos], plugin_file: Path) -> None:
    run = chaos("server-kills")
    with stage(plugin_file, crash_safe=True) as on:
        load = Load(on.ways, run.seed)
        record = reckon(run, on, load, kills(run, on, load))
    assert load.refused
    assert not record.losses


def test_without_it_a_token_in_the_making_is_lost_and_ends_by_its_ttl(
    chaos: Callable[[str], Chaos], plugin_file: Path
) -> None:
    run = chaos("server-kills-plain")
    with stage(plugin_file, crash_safe=False) as on:
        load = Load(on.ways, run.seed)
        record = reckon(run, on, load, kills(run, on, load))
    assert record.losses.keys() <= {Loss.TOKEN}
