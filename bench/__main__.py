"""Measure the built plugin beside others and write docs/performance.md: `make bench`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from bench import contenders, footprint, machine, plot, report, rounds, stage
from bench.build import ROOT, SOURCES, build
from bench.results import SINGLE, Results

PAGE = ROOT / "docs" / "performance.md"
PLOT = PAGE.with_suffix(".svg")
ROUNDS = 12
STEP = 20_000  # requests between two looks at what the plugin holds


def main() -> None:
    """Run, print and write."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--plugin", type=Path, required=True, help="the built plugin")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument(
        "--quick", action="store_true", help="one round, a tenth of the growth; writes no page"
    )
    options = parser.parse_args()
    results = measure(options.plugin, 1 if options.quick else options.rounds, options.quick)
    described = machine.described(options.plugin, SOURCES / "go.mod")
    page = report.page(results, described)
    print(page)
    if not options.quick:
        PAGE.write_text(report.replaced(PAGE.read_text(), page))
        PLOT.write_text(plot.svg(results.simulator))


def measure(plugin: Path, number: int, quick: bool) -> Results:
    """Everything, one thing after the other."""
    binaries = build()
    _, cores = stage.pin()
    files = contenders.files(plugin, binaries)
    pair = {name: files[name] for name in (contenders.OURS, contenders.POOLED)}
    _say("starts")
    starts = footprint.starts(pair)
    at_simulator, at_stand_in = rounds.measure(plugin, binaries, cores, number)
    _say("memory")
    counts = (1, 10) if quick else (1, 10, 100)
    memory = {
        name: footprint.memory(name, file, cores, counts)
        for name, file in {**pair, SINGLE: binaries / SINGLE}.items()
    }
    _say("growth")
    step = STEP // 10 if quick else STEP
    growth = {
        name: footprint.growth(file, binaries, cores, step=step, steps=10)
        for name, file in pair.items()
    }
    return Results(
        rounds=number,
        simulator=at_simulator,
        stand_in=at_stand_in,
        starts=starts,
        memory=memory,
        growth=growth,
    )


def _say(what: str) -> None:
    print(what, file=sys.stderr)


if __name__ == "__main__":
    main()
