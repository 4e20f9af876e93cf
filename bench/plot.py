"""A run's figures as an SVG: p50 and rate of each operation by how many requests run at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.contenders import BUILT_IN, DIAL, KEPT_CALL, OPERATIONS, OURS, POOLED
from bench.figures import Key
from bench.panel import drawing, panel
from bench.rounds import CONCURRENCIES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.figures import Figures

SHOWN = (OURS, POOLED, DIAL, BUILT_IN, KEPT_CALL)
ROWS = {"p50": "p50, ms", "rate": "requests/s"}


def svg(figures: Figures) -> str:
    """The drawing."""
    return drawing(SHOWN, _panels(figures), len(OPERATIONS), len(ROWS))


def _panels(figures: Figures) -> Iterator[str]:
    for row, (measure, title) in enumerate(ROWS.items()):
        for column, operation in enumerate(OPERATIONS):
            lines = {
                name: {
                    concurrency: figures.of(Key(name, operation, concurrency), measure)
                    for concurrency in CONCURRENCIES
                }
                for name in SHOWN
                if Key(name, operation, CONCURRENCIES[0]) in figures
            }
            yield from panel(f"{operation}: {title}", lines, column, row)
