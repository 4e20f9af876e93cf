"""The targets, as data, and how a run fares."""

from __future__ import annotations

import operator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.contenders import CLIENT, CONFIG, DIAL, LOGIN, OURS, POOLED, RENEW, REVOKE
from bench.figures import Key, Spread, spread

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bench.figures import Figures
    from bench.results import Results, Served

MEGABYTE = 1_000_000
CONCURRENCIES = (1, 16)  # at which ratios are judged
_HOLDS: dict[str, Callable[[float, float], bool]] = {"<=": operator.le, ">=": operator.ge}
_SHOWN = {"plugin_cpu": "CPU"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """An operation's `measure` as a ratio to another plugin's, with its limits at `CONCURRENCIES`.

    At the stand-in it is judged where there are limits for it.
    """

    operation: str
    measure: str
    other: str = POOLED
    relation: str = "<="
    simulator: tuple[float, float]
    stand_in: tuple[float, float] | None = None


RATIOS = (
    Target(operation=LOGIN, measure="p50", simulator=(1.03, 1.05), stand_in=(1.05, 1.10)),
    Target(operation=LOGIN, measure="plugin_cpu", simulator=(1.2, 1.2), stand_in=(1.2, 1.2)),
    Target(operation=LOGIN, measure="p99", simulator=(2.0, 2.0), stand_in=(2.0, 2.0)),
    Target(operation=RENEW, measure="p50", simulator=(1.10, 1.10)),
    Target(operation=REVOKE, measure="p50", simulator=(1.05, 1.10)),
    Target(operation=CONFIG, measure="p50", simulator=(1.05, 1.10)),
    Target(operation=CLIENT, measure="p50", simulator=(1.05, 1.10)),
    Target(operation=LOGIN, measure="p50", other=DIAL, simulator=(0.8, 0.65)),
    Target(operation=LOGIN, measure="rate", other=DIAL, relation=">=", simulator=(1.25, 1.5)),
)
START_CPU = 100.0  # ms
START_MEMORY = 36.0  # MB
MOUNTS, MOUNTS_MEMORY = 100, 60.0  # MB
GAIN = 2.0  # MB that an allocator goes up and down by itself


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


def of_ratios(served: Served) -> Iterator[tuple[Verdict, Verdict | None]]:
    """How the ratios fare on one server: at the simulator, and at the stand-in."""
    for target in RATIOS:
        for number, concurrency in enumerate(CONCURRENCIES):
            at_simulator = _ratio(target, concurrency, served.simulator, target.simulator[number])
            if target.stand_in is None:
                yield at_simulator, None
            else:
                limit = target.stand_in[number]
                yield at_simulator, _ratio(target, concurrency, served.stand_in, limit)


def _ratio(target: Target, concurrency: int, figures: Figures, limit: float) -> Verdict:
    shown = _SHOWN.get(target.measure, target.measure)
    return Verdict(
        what=f"{target.operation} {shown} to {target.other}'s, {concurrency} at once",
        found=figures.ratio(
            Key(OURS, target.operation, concurrency),
            Key(target.other, target.operation, concurrency),
            target.measure,
        ),
        relation=target.relation,
        limit=limit,
        unit="x",
    )


def of_footprint(results: Results) -> Iterator[Verdict]:
    """How the other targets fare."""
    starts = results.starts[OURS]
    yield Verdict(
        what="CPU to start",
        found=spread(start.cpu * 1e3 for start in starts),
        relation="<=",
        limit=START_CPU,
        unit=" ms",
    )
    yield Verdict(
        what="resident at the handshake line",
        found=spread(start.resident / MEGABYTE for start in starts),
        relation="<=",
        limit=START_MEMORY,
        unit=" MB",
    )
    most = [found for found in results.mounts[OURS] if found.mounts <= MOUNTS][-1]
    yield Verdict(
        what=f"resident with {most.mounts} mounts in {most.processes} process",
        found=spread([most.resident / MEGABYTE]),
        relation="<=",
        limit=MOUNTS_MEMORY,
        unit=" MB",
    )
    first, last = results.growth[OURS][0], results.growth[OURS][-1]
    between = f"from {first.requests:,} to {last.requests:,} requests"
    yield Verdict(
        what=f"resident memory gained {between}",
        found=spread([(last.resident - first.resident) / MEGABYTE]),
        relation="<=",
        limit=GAIN,
        unit=" MB",
    )
    yield Verdict(
        what=f"descriptors gained {between}",
        found=spread([last.descriptors - first.descriptors]),
        relation="<=",
        limit=0,
    )
