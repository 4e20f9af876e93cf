"""Samples to figures: quantiles, medians over rounds and their spread, ratios."""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from bench.load import Sample

MEASURES = ("p50", "p95", "p99", "rate", "plugin_cpu", "server_cpu", "pachd_cpu")


class Key(NamedTuple):
    """What a figure is of."""

    contender: str
    operation: str
    concurrency: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """One round's figures of one key: milliseconds, requests a second, CPU ms a request."""

    p50: float
    p95: float
    p99: float
    rate: float
    plugin_cpu: float
    server_cpu: float
    pachd_cpu: float
    requests: int
    errors: int


class Spread(NamedTuple):
    """A median and its quartiles."""

    low: float
    middle: float
    high: float


def of_sample(sample: Sample) -> Round:
    """The figures of one phase; `sample.cpu` is of plugin, server and pachd."""
    ordered = sorted(sample.latencies)
    requests = len(ordered)
    plugin, server, pachd = (seconds * 1e3 / requests for seconds in sample.cpu)
    return Round(
        p50=quantile(ordered, 0.50) * 1e3,
        p95=quantile(ordered, 0.95) * 1e3,
        p99=quantile(ordered, 0.99) * 1e3,
        rate=requests / sample.seconds,
        plugin_cpu=plugin,
        server_cpu=server,
        pachd_cpu=pachd,
        requests=requests,
        errors=sum(sample.errors.values()),
    )


def quantile(ordered: Sequence[float], share: float) -> float:
    """The smallest of `ordered` that is no less than `share` of them (nearest rank)."""
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def spread(values: Iterable[float]) -> Spread:
    """Median and quartiles; of one value, that value."""
    found = list(values)
    if len(found) == 1:
        return Spread(found[0], found[0], found[0])
    low, _, high = statistics.quantiles(found, method="inclusive")
    return Spread(low, statistics.median(found), high)


class Figures:
    """The rounds of every key."""

    def __init__(self) -> None:
        self._rounds: dict[Key, list[Round]] = {}

    def add(self, key: Key, figures: Round) -> None:
        """Note one round."""
        self._rounds.setdefault(key, []).append(figures)

    def __contains__(self, key: Key) -> bool:
        return key in self._rounds

    def of(self, key: Key, measure: str) -> Spread:
        """A measure over the rounds."""
        return spread(getattr(figures, measure) for figures in self._rounds[key])

    def ratio(self, key: Key, other: Key, measure: str) -> Spread:
        """One key's measure in the other's, round by round, so that the machine's drift cancels."""
        pairs = zip(self._rounds[key], self._rounds[other], strict=True)
        return spread(getattr(a, measure) / getattr(b, measure) for a, b in pairs)

    def requests(self) -> int:
        """How many requests were made in all."""
        return sum(figures.requests for rounds in self._rounds.values() for figures in rounds)

    def errors(self) -> int:
        """How many of them failed."""
        return sum(figures.errors for rounds in self._rounds.values() for figures in rounds)
