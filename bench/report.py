"""A run's figures as Markdown: targets, operations, footprint."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING

from bench import machine, targets
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
from bench.figures import Key, spread
from bench.rounds import CONCURRENCIES
from bench.table import heads, megabytes, number, quartiles, row

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from bench.figures import Figures
    from bench.results import Results, Served

EVERYBODY = (OURS, POOLED, DIAL, BUILT_IN, KEPT_CALL, DIALLED_CALL)
_OPERATION = (
    "at once",
    "who",
    "p50 ms",
    "quartiles",
    "p95 ms",
    "p99 ms",
    "requests/s",
    "p50 ratio",
    "rate ratio",
    "CPU ms: plugin",
    "server",
    "pachd",
)


def page(results: Results, described: Iterable[tuple[str, str]]) -> str:
    """Everything a run found, on a machine that is `described`."""
    return "\n".join(_lines(results, described)) + "\n"


def _lines(results: Results, described: Iterable[tuple[str, str]]) -> Iterator[str]:
    yield from heads("what", "which")
    for name, value in described:
        yield row(name, value)
    yield row("server", results.openbao.product)
    requests = sum(figures.requests() for figures in results.figures())
    errors = sum(figures.errors() for figures in results.figures())
    yield ""
    yield f"{results.rounds} rounds, {requests:,} requests through them, {errors:,} errors."
    yield ""
    yield "## Targets"
    yield ""
    yield from _ratios(results.openbao)
    yield ""
    yield from heads("target", "limit", "found", "")
    for verdict in targets.of_footprint(results):
        yield row(verdict.what, *_judged(verdict))
    yield ""
    yield "![p50 and rate of each operation](performance.svg)"
    for operation in OPERATIONS:
        yield ""
        yield f"## `{operation}`"
        yield ""
        yield from _operation(results.openbao.simulator, operation)
    yield ""
    yield "## `login` at the stand-in"
    yield ""
    yield from _operation(results.openbao.stand_in, LOGIN)
    yield ""
    yield "## On HashiCorp Vault"
    yield ""
    yield from _vault(results.vault)
    yield ""
    yield from _footprint(results)


def _vault(served: Served | None) -> Iterator[str]:
    if served is None:
        yield "Not measured in this run: `VAULT_BIN` named no Vault, and none was on `PATH`."
        return
    yield f"The same rounds on {served.product}, one server after the other."
    yield ""
    yield from _ratios(served)
    for where, figures in (("simulator", served.simulator), ("stand-in", served.stand_in)):
        yield ""
        yield f"### `login` on Vault, at the {where}"
        yield ""
        yield from _operation(figures, LOGIN)


def _ratios(served: Served) -> Iterator[str]:
    yield from heads("target", "limit", "simulator", "", "limit", "stand-in", "")
    for at_simulator, at_stand_in in targets.of_ratios(served):
        yield row(
            at_simulator.what,
            *_judged(at_simulator),
            *(_judged(at_stand_in) if at_stand_in else ("", "", "")),
        )


def _judged(verdict: targets.Verdict) -> tuple[str, str, str]:
    """Cells: the limit, what was found, and whether that will do."""
    limit = f"{verdict.relation} {verdict.limit:g}{verdict.unit}"
    found = f"{verdict.found.middle:.2f}{verdict.unit}{quartiles(verdict.found)}"
    return limit, found, "met" if verdict.met else "**missed**"


def _operation(figures: Figures, operation: str) -> Iterator[str]:
    yield from heads(*_OPERATION)
    for concurrency in CONCURRENCIES:
        ours = Key(OURS, operation, concurrency)
        for name in EVERYBODY:
            key = Key(name, operation, concurrency)
            if key not in figures:
                continue
            p50 = figures.of(key, "p50")
            yield row(
                str(concurrency),
                name,
                number(p50.middle),
                f"{number(p50.low)}-{number(p50.high)}",
                *(number(figures.of(key, measure).middle) for measure in ("p95", "p99")),
                f"{figures.of(key, 'rate').middle:,.0f}",
                *(
                    "" if name == OURS else f"{figures.ratio(ours, key, measure).middle:.2f}"
                    for measure in ("p50", "rate")
                ),
                *(
                    number(figures.of(key, measure).middle)
                    for measure in ("plugin_cpu", "server_cpu", "pachd_cpu")
                ),
            )


def _footprint(results: Results) -> Iterator[str]:
    yield "## Start-up"
    yield ""
    yield from heads("who", "CPU ms", "seconds to the handshake line", "resident MB then")
    for name, starts in results.starts.items():
        cpu = spread(start.cpu * 1e3 for start in starts)
        seconds = spread(start.seconds for start in starts)
        resident = spread(start.resident for start in starts)
        yield row(
            name,
            f"{cpu.middle:.0f}{quartiles(cpu, 0)}",
            f"{seconds.middle:.3f}{quartiles(seconds, 3)}",
            megabytes(resident.middle),
        )
    yield ""
    yield (
        f"Medians of {len(results.pace)}. To know this machine by: {machine.PACE} in the bench's"
        f" own Python takes {median(results.pace) * 1e3:.0f} ms of CPU."
    )
    yield ""
    yield "## Memory"
    yield ""
    yield from heads("who", "mounts", "processes", "resident MB", "proportional MB")
    for name, counts in results.mounts.items():
        for found in counts:
            yield row(
                name,
                f"{found.mounts:,}",
                f"{found.processes:,}",
                megabytes(found.resident),
                megabytes(found.proportional),
            )
    yield ""
    yield "## Growth"
    yield ""
    yield from heads("who", "requests", "resident MB", "descriptors", "requests/s")
    for name, steps in results.growth.items():
        for step in steps:
            yield row(
                name,
                f"{step.requests:,}",
                megabytes(step.resident),
                str(step.descriptors),
                f"{step.requests / step.seconds:,.0f}",
            )
