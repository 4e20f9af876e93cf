from __future__ import annotations

import pytest

from bench.contenders import (
    BUILT_IN,
    DIAL,
    DIALLED_CALL,
    KEPT_CALL,
    LOGIN,
    OPERATIONS,
    OURS,
    POOLED,
)
from bench.figures import Figures, Key, Round
from bench.footprint import Growth, Memory, Start
from bench.results import SINGLE, Results
from bench.rounds import CONCURRENCIES


def figures_of(milliseconds: dict[str, float]) -> Figures:
    """Two rounds, the second twice as slow for all: p50 by contender, the rest follows from it."""
    figures = Figures()
    for slower in (1, 2):
        for name, p50 in milliseconds.items():
            for operation in OPERATIONS if name in (OURS, POOLED, DIAL, BUILT_IN) else (LOGIN,):
                for concurrency in CONCURRENCIES:
                    figures.add(
                        Key(name, operation, concurrency),
                        Round(
                            p50=p50 * slower,
                            p95=2 * p50 * slower,
                            p99=3 * p50 * slower,
                            rate=1000 / p50 / slower,
                            plugin_cpu=p50,
                            server_cpu=1.0,
                            pachd_cpu=0.0,
                            requests=100,
                            errors=0,
                        ),
                    )
    return figures


@pytest.fixture
def results() -> Results:
    """Of a run where our plugin takes 1 ms, half of go-dial's, and 1.25x of go-pooled's."""
    simulator = figures_of(
        {OURS: 1.0, POOLED: 0.8, DIAL: 2.0, BUILT_IN: 0.4, KEPT_CALL: 0.3, DIALLED_CALL: 0.6}
    )
    return Results(
        rounds=2,
        simulator=simulator,
        stand_in=figures_of({OURS: 1.0, POOLED: 1.0, DIAL: 1.0}),
        starts={OURS: [Start(seconds=0.4, cpu=0.2), Start(seconds=0.5, cpu=0.24)]},
        memory={
            OURS: [Memory(mounts=100, processes=1, resident=70_000_000, proportional=60_000_000)],
            SINGLE: [
                Memory(mounts=100, processes=100, resident=2_700_000_000, proportional=800_000_000)
            ],
        },
        growth={
            OURS: [
                Growth(requests=20_000, resident=46_000_000, descriptors=13, seconds=6.0),
                Growth(requests=200_000, resident=47_000_000, descriptors=13, seconds=60.0),
            ]
        },
    )
