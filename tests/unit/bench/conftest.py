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
    PLUGINS,
    POOLED,
)
from bench.figures import Figures, Key, Round
from bench.footprint import Growth, Start
from bench.leases import Leases
from bench.mounts import Mounts
from bench.results import SINGLE, Results, Served
from bench.rounds import CONCURRENCIES
from bench.targets import MEGABYTE


def figures_of(milliseconds: dict[str, float]) -> Figures:
    """Two rounds, the second twice as slow for all: p50 by contender, the rest follows from it."""
    figures = Figures()
    for slower in (1, 2):
        for name, p50 in milliseconds.items():
            for operation in OPERATIONS if name in (*PLUGINS, BUILT_IN) else (LOGIN,):
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


def mounts_of(name: str, *counts: int) -> list[Mounts]:
    """Mounts of a plugin that takes 20 MB and a tenth more for each of them."""
    return [
        Mounts(
            mounts=count,
            processes=count if name == SINGLE else 1,
            resident=20 * MEGABYTE + count * MEGABYTE // 10,
            proportional=20 * MEGABYTE,
            logins=figures_of({name: 2.0}),
        )
        for count in counts
    ]


@pytest.fixture
def results() -> Results:
    """Of a run where our plugin takes 1 ms, half of go-dial's, and 1.25x of go-pooled's."""
    simulator = figures_of(
        {OURS: 1.0, POOLED: 0.8, DIAL: 2.0, BUILT_IN: 0.4, KEPT_CALL: 0.3, DIALLED_CALL: 0.6}
    )
    return Results(
        rounds=2,
        cores=1,
        openbao=Served(
            product="OpenBao v2.7.2",
            simulator=simulator,
            stand_in=figures_of({OURS: 1.0, POOLED: 1.0, DIAL: 1.0}),
        ),
        vault=None,
        pace=[0.05, 0.07, 0.06],
        starts={
            OURS: [
                Start(seconds=0.1, cpu=0.09, resident=34 * MEGABYTE),
                Start(seconds=0.2, cpu=0.10, resident=36 * MEGABYTE),
            ]
        },
        mounts={
            OURS: mounts_of(OURS, 1, 10, 100, 1_000),
            SINGLE: mounts_of(SINGLE, 1, 10, 100),
        },
        leases=[
            Leases(living=living, plugin=30 * MEGABYTE, server=living * 10_000, figures=kept)
            for living, kept in (
                (1_000, figures_of({OURS: 4.0})),
                (100_000, figures_of({OURS: 8.0})),
            )
        ],
        growth={
            OURS: [
                Growth(requests=20_000, resident=46_000_000, descriptors=13, seconds=6.0),
                Growth(requests=200_000, resident=47_000_000, descriptors=13, seconds=60.0),
            ]
        },
    )
