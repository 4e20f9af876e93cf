"""Measure the built plugin beside others and write docs/performance.md: `make bench`."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from bench import (
    contenders,
    footprint,
    growth_plot,
    leases,
    machine,
    mounts,
    node,
    plot,
    report,
    rounds,
    stage,
)
from bench.build import ROOT, SOURCES, build
from bench.page import FIGURES, NODE, replaced
from bench.results import SINGLE, Results
from tests.integration.openbao import openbao, servers

PAGE = ROOT / "docs" / "performance.md"
PLOT, GROWTH_PLOT = PAGE.with_suffix(".svg"), PAGE.with_name("performance-growth.svg")
ROUNDS = 12
STEP = 20_000  # requests between two looks at what the plugin holds
MOUNTS = (1, 10, 100, 1_000)
REPEATS = 3  # of what is measured with so many mounts or leases
PROCESSES = 100  # no more of the plugin that has one for each mount
LEASES = (1_000, 10_000, 100_000)


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
    parts = {NODE: node.page(results), FIGURES: report.page(results, described)}
    print(*parts.values(), sep="\n")
    if not options.quick:
        page = PAGE.read_text()
        for part, written in parts.items():
            page = replaced(page, part, written)
        PAGE.write_text(page)
        PLOT.write_text(plot.svg(results.openbao.simulator))
        GROWTH_PLOT.write_text(growth_plot.svg(results))


def measure(plugin: Path, number: int, quick: bool) -> Results:
    """Everything, one thing after the other."""
    binaries = build()
    shared, cores = stage.pin()
    files = contenders.files(plugin, binaries)
    pair = {name: files[name] for name in (contenders.OURS, contenders.POOLED)}
    less, repeats = (10, 1) if quick else (1, REPEATS)
    _say("starts")
    starts, pace = footprint.starts(pair)
    served = {}
    for name, binary in servers():
        _say(f"rounds on {name}")
        served[name] = rounds.measure(binary, plugin, binaries, cores, number)
    found = {}
    for name, file in {**pair, SINGLE: binaries / SINGLE}.items():
        _say(f"mounts of {name}")
        counts = [
            count
            for count in MOUNTS
            if count <= MOUNTS[-1] // less and (name != SINGLE or count <= PROCESSES // less)
        ]
        found[name] = mounts.measure(openbao(), name, file, binaries, cores, counts, repeats)
    _say("leases")
    counts = [count // less for count in LEASES]
    living = leases.measure(openbao(), plugin, binaries, cores, counts, repeats)
    growth = {}
    for name, file in pair.items():
        _say(f"growth of {name}")
        growth[name] = footprint.growth(file, binaries, cores, step=STEP // less, steps=10)
    _say("done")
    return Results(
        rounds=number,
        cores=len(shared),
        openbao=served["openbao"],
        vault=served.get("vault"),
        pace=pace,
        starts=starts,
        mounts=found,
        leases=living,
        growth=growth,
    )


def _say(what: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {what}", file=sys.stderr)


if __name__ == "__main__":
    main()
