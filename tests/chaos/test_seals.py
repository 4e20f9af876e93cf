"""The server is sealed in the midst of a load, which ends its plugin, and unsealed again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.chaos.load import Load
from tests.chaos.reckoning import reckon
from tests.chaos.stage import stage
from tests.chaos.storm import storm

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.chaos.conftest import Chaos

ANSWERS = 20  # between two seals

pytestmark = pytest.mark.timeout(1800)


def test_nothing_is_lost(chaos: Callable[[str], Chaos], plugin_file: Path) -> None:
    run = chaos("seals")
    with stage(plugin_file, crash_safe=True) as on:

        def seal() -> None:
            on.server.seal()
            on.server.unseal()

        load = Load(on.ways, run.seed)
        record = reckon(run, on, load, storm(run, load, seal, answers=ANSWERS))
    assert load.refused
    assert not record.losses
