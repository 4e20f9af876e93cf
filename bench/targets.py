"""The targets, as data, and how a run fares."""

from __future__ import annotations

import operator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.contenders import DIAL, LOGIN, OURS, POOLED
from bench.figures import Key, Spread, spread

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bench.figures import Figures
    from bench.results import Results

MEGABYTE = 1_000_000
NOISE = 2.0  # MB that an allocator goes up and down by itself
_HOLDS: dict[str, Callable[[float, float], bool]] = {"<=": operator.le, ">=": operator.ge}


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A login's `measure` as a ratio to another's, to be held at every concurrency named."""

    other: str
    measure: str
    relation: str
    limit: float
    concurrencies: tuple[int, ...] = (1, 16)


LOGINS = (
    Target(other=DIAL, measure="p50", relation="<=", limit=0.6),
    Target(other=DIAL, measure="rate", relation=">=", limit=1.5),
    Target(other=POOLED, measure="p50", relation="<=", limit=1.15),
    Target(other=POOLED, measure="rate", relation=">=", limit=0.85),
    Target(other=POOLED, measure="plugin_cpu", relation="<=", limit=1.5),
    Target(other=POOLED, measure="p99", relation="<=", limit=2.0),
)
START_CPU = 250.0  # ms
MEMORY_100 = 80.0  # MB
_SHOWN = {"plugin_cpu": "CPU"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What was asked, what was found, and whether that will do."""

    what: str
    found: Spread
    relation: str
    limit: float
    unit: str = ""

    @property
    def met(self) -> bool:
        """Whether the median keeps to the limit."""
        return _HOLDS[self.relation](self.found.middle, self.limit)


def of_logins(figures: Figures) -> Iterator[Verdict]:
    """How the targets of logins fare."""
    for target in LOGINS:
        for concurrency in target.concurrencies:
            ratio = figures.ratio(
                Key(OURS, LOGIN, concurrency),
                Key(target.other, LOGIN, concurrency),
                target.measure,
            )
            shown = _SHOWN.get(target.measure, target.measure)
            yield Verdict(
                what=f"login {shown} to {target.other}'s, {concurrency} at once",
                found=ratio,
                relation=target.relation,
                limit=target.limit,
                unit="x",
            )


def of_footprint(results: Results) -> Iterator[Verdict]:
    """How the other targets fare."""
    yield Verdict(
        what="CPU to start",
        found=spread(start.cpu * 1e3 for start in results.starts[OURS]),
        relation="<=",
        limit=START_CPU,
        unit=" ms",
    )
    most = results.memory[OURS][-1]
    yield Verdict(
        what=f"resident with {most.mounts} mounts in {most.processes} process",
        found=_one(most.resident / MEGABYTE),
        relation="<=",
        limit=MEMORY_100,
        unit=" MB",
    )
    first, last = results.growth[OURS][0], results.growth[OURS][-1]
    between = f"from {first.requests:,} to {last.requests:,} requests"
    yield Verdict(
        what=f"resident memory gained {between}",
        found=_one((last.resident - first.resident) / MEGABYTE),
        relation="<=",
        limit=NOISE,
        unit=" MB",
    )
    yield Verdict(
        what=f"descriptors gained {between}",
        found=_one(last.descriptors - first.descriptors),
        relation="<=",
        limit=0,
    )


def _one(value: float) -> Spread:
    return Spread(value, value, value)
