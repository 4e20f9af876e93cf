"""The leader of three is killed in the midst of a load through every node.

As where a lone server is killed (`test_server_kills`), but another takes over at once, with a
plugin of its own that reads the same log. tests/integration/test_leader_loss.py looks closer at
two such losses.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest

from tests.chaos.load import Load
from tests.chaos.reckoning import reckon
from tests.chaos.stage import cluster_stage
from tests.chaos.storm import storm
from tests.integration.mount import eventually
from tests.integration.openbao import START_SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.chaos.conftest import Chaos

ANSWERS = 20  # between two losses

pytestmark = pytest.mark.timeout(2400)


def test_nothing_is_lost(chaos: Callable[[str], Chaos], plugin_file: Path) -> None:
    run = chaos("leader-losses")
    with cluster_stage(plugin_file, crash_safe=True) as on:

        def lose_the_leader() -> None:
            leader = on.server.wait_for_leader()
            leader.kill9()
            on.server.wait_for_leader()
            on.server.start(leader)
            for mount in on.mounts:
                eventually(partial(leader.serves, mount.path), START_SECONDS)

        load = Load(on.ways, run.seed, clients=1)
        record = reckon(run, on, load, storm(run, load, lose_the_leader, answers=ANSWERS))
    assert load.refused
    assert not record.losses
