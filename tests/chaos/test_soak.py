"""A steady load for twenty minutes, while pachd and the plugin fail now and then.

In the first quarter the plugin is killed too. From then on it is one process, whose memory and
descriptors are watched: they stay as they are.
"""

from __future__ import annotations

import time
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

import pytest
from grpc import StatusCode

from tests.chaos.load import Load
from tests.chaos.reckoning import reckon
from tests.chaos.stage import Stage, stage
from tests.integration.mount import PLUGIN

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.chaos.conftest import Chaos
    from tests.integration.kept_server import KeptServer
    from tests.pachd import PachdV1, PachdV2, Simulator

    Pachd = Simulator[PachdV1 | PachdV2]

MEGABYTE = 1024 * 1024
WARMING = 0.25  # of the time
REST = 4.0  # seconds at most between two faults
LASTS = 2.0  # seconds of a fault
GROWTH = 3 * MEGABYTE  # the allocator's ups and downs
MORE_DESCRIPTORS = 3  # a connection to pachd is being dialled again

pytestmark = pytest.mark.timeout(2400)


class Sample(NamedTuple):
    """The plugin's process at one time."""

    resident: int  # bytes
    descriptors: int


def down(pachd: Pachd) -> None:
    pachd.die()
    time.sleep(LASTS)
    pachd.restart()


def slow(pachd: Pachd) -> None:
    pachd.faults.slow("*", 0.5)
    time.sleep(LASTS)


def refusing(pachd: Pachd) -> None:
    pachd.faults.refuse("*", StatusCode.UNAVAILABLE, "etcdserver: request timed out")
    time.sleep(LASTS)


def dropping(pachd: Pachd) -> None:
    pachd.faults.drop("*", times=5)
    time.sleep(LASTS)


FAULTS = (down, slow, refusing, dropping)


def sample(on: Stage[KeptServer]) -> Sample:
    (pid,) = on.server.plugin_pids(PLUGIN)
    process = Path(f"/proc/{pid}")
    pages = int((process / "statm").read_text().split()[1])
    return Sample(pages * 4096, len(list((process / "fd").iterdir())))


def test_memory_and_descriptors_stay_and_nothing_is_lost(
    chaos: Callable[[str], Chaos], plugin_file: Path
) -> None:
    run, blows, samples = chaos("soak"), [], []
    seconds = run.trials
    with stage(plugin_file, crash_safe=True) as on:
        began = time.monotonic()
        with Load(on.ways, run.seed, pause=0.1) as load:
            while (gone := time.monotonic() - began) < seconds:
                blows.append(time.time())
                if gone < WARMING * seconds and run.random.random() < 0.3:
                    on.server.kill_plugin(PLUGIN)
                    load.go_on(1)
                else:
                    pachd = run.random.choice(on.mounts).pachd
                    run.random.choice(FAULTS)(pachd)
                    pachd.faults.clear()
                time.sleep(run.random.uniform(0, min(REST, seconds / 10)))
                if gone > WARMING * seconds:
                    samples.append(sample(on))
        share = max(1, len(samples) // 5)
        first, last = samples[:share], samples[-share:]
        memory = [median(one.resident for one in part) / MEGABYTE for part in (first, last)]
        opened = [median(one.descriptors for one in part) for part in (first, last)]
        record = reckon(
            run,
            on,
            load,
            blows,
            f"Memory of the plugin: {memory[0]:.1f} MB at first, {memory[1]:.1f} MB at last.",
            f"Its descriptors: {opened[0]:g} at first, {opened[1]:g} at last.",
        )
    assert not record.losses
    assert (memory[1] - memory[0]) * MEGABYTE < GROWTH
    assert opened[1] - opened[0] <= MORE_DESCRIPTORS
