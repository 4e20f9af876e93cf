"""A run's results as Markdown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench import targets
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
from bench.targets import MEGABYTE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from bench.figures import Figures, Spread
    from bench.results import Results

BEGIN, END = "<!-- written by make bench -->", "<!-- end of what make bench wrote -->"
EVERYBODY = (OURS, POOLED, DIAL, BUILT_IN, KEPT_CALL, DIALLED_CALL)
_HEADS = (
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


def replaced(page: str, written: str) -> str:
    """`page` with `written` in place of what a run before wrote.

    Raises ValueError for a page without the two marks.
    """
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError("the page has lost the marks around what make bench writes")
    return f"{before}{BEGIN}\n\n{written}\n{END}{after}"


def page(results: Results, machine: Iterable[tuple[str, str]]) -> str:
    """Everything a run found."""
    return "\n".join(_lines(results, machine)) + "\n"


def verdicts(results: Results) -> list[str]:
    """The table of the targets."""
    return [
        *_table(("target", "limit", "simulator", "", "stand-in", "")),
        *(
            _row(*_verdict(verdict), *_found(other))
            for verdict, other in zip(
                targets.of_logins(results.simulator),
                targets.of_logins(results.stand_in),
                strict=True,
            )
        ),
        *(_row(*_verdict(verdict), "", "") for verdict in targets.of_footprint(results)),
    ]


def _verdict(verdict: targets.Verdict) -> tuple[str, ...]:
    limit = f"{verdict.relation} {verdict.limit:g}{verdict.unit}"
    return (verdict.what, limit, *_found(verdict))


def _found(verdict: targets.Verdict) -> tuple[str, str]:
    shown = f"{verdict.found.middle:.2f}{verdict.unit}{_quartiles(verdict.found)}"
    return shown, "met" if verdict.met else "**missed**"


def _lines(results: Results, machine: Iterable[tuple[str, str]]) -> Iterator[str]:
    yield from _table(("what", "which"))
    for name, value in machine:
        yield _row(name, value)
    requests = results.simulator.requests() + results.stand_in.requests()
    errors = results.simulator.errors() + results.stand_in.errors()
    yield ""
    yield f"{results.rounds} rounds, {requests:,} requests through them, {errors:,} errors."
    yield ""
    yield "## Targets"
    yield ""
    yield from verdicts(results)
    yield ""
    yield "![p50 and rate of each operation](performance.svg)"
    for operation in OPERATIONS:
        yield ""
        yield f"## `{operation}`"
        yield ""
        yield from _operation(results.simulator, operation)
    yield ""
    yield "## `login` at the stand-in"
    yield ""
    yield from _operation(results.stand_in, LOGIN)
    yield ""
    yield from _footprint(results)


def _operation(figures: Figures, operation: str) -> Iterator[str]:
    yield from _table(_HEADS)
    for concurrency in CONCURRENCIES:
        ours = Key(OURS, operation, concurrency)
        for name in EVERYBODY:
            key = Key(name, operation, concurrency)
            if key not in figures:
                continue
            p50 = figures.of(key, "p50")
            yield _row(
                str(concurrency),
                name,
                _number(p50.middle),
                f"{_number(p50.low)}-{_number(p50.high)}",
                *(_number(figures.of(key, measure).middle) for measure in ("p95", "p99")),
                f"{figures.of(key, 'rate').middle:,.0f}",
                *(
                    "" if name == OURS else f"{figures.ratio(ours, key, measure).middle:.2f}"
                    for measure in ("p50", "rate")
                ),
                *(
                    _number(figures.of(key, measure).middle)
                    for measure in ("plugin_cpu", "server_cpu", "pachd_cpu")
                ),
            )


def _footprint(results: Results) -> Iterator[str]:
    yield "## Start-up"
    yield ""
    yield from _table(("who", "CPU ms", "seconds to the handshake line"))
    for name, starts in results.starts.items():
        cpu = spread(start.cpu * 1e3 for start in starts)
        seconds = spread(start.seconds for start in starts)
        yield _row(
            name,
            f"{cpu.middle:.0f}{_quartiles(cpu, 0)}",
            f"{seconds.middle:.3f}{_quartiles(seconds, 3)}",
        )
    yield ""
    yield "## Memory"
    yield ""
    yield from _table(("who", "mounts", "processes", "resident MB", "proportional MB"))
    for name, found in results.memory.items():
        for memory in found:
            yield _row(
                name,
                str(memory.mounts),
                str(memory.processes),
                f"{memory.resident / MEGABYTE:.1f}",
                f"{memory.proportional / MEGABYTE:.1f}",
            )
    yield ""
    yield "## Growth"
    yield ""
    yield from _table(("who", "requests", "resident MB", "descriptors", "requests/s"))
    for name, steps in results.growth.items():
        for step in steps:
            yield _row(
                name,
                f"{step.requests:,}",
                f"{step.resident / MEGABYTE:.1f}",
                str(step.descriptors),
                f"{step.requests / step.seconds:,.0f}",
            )


def _table(heads: Sequence[str]) -> list[str]:
    return [_row(*heads), _row(*("---" for _ in heads))]


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _number(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}" if value else ""


def _quartiles(spread: Spread, digits: int = 2) -> str:
    if spread.low == spread.high:
        return ""
    return f" ({spread.low:.{digits}f}-{spread.high:.{digits}f})"
