"""A run's figures as an SVG: p50 and rate of each operation by how many requests run at once."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from bench.contenders import BUILT_IN, DIAL, KEPT_CALL, OPERATIONS, OURS, POOLED
from bench.figures import Key
from bench.rounds import CONCURRENCIES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.figures import Figures

COLOURS = {
    OURS: "#c2410c",
    POOLED: "#1d4ed8",
    DIAL: "#60a5fa",
    BUILT_IN: "#4b5563",
    KEPT_CALL: "#a3a3a3",
}
ROWS = {"p50": "p50, ms", "rate": "requests/s"}
PANEL_WIDTH, PANEL_HEIGHT = 170, 150
GAP, LEFT, TOP, BOTTOM = 40, 50, 60, 30
WIDTH = LEFT + len(OPERATIONS) * (PANEL_WIDTH + GAP)
HEIGHT = TOP + len(ROWS) * (PANEL_HEIGHT + GAP) + BOTTOM


def svg(figures: Figures) -> str:
    """The drawing; both axes of every panel are logarithmic."""
    body = "\n".join([*_legend(), *_panels(figures)])
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}"'
        f' width="{WIDTH}" height="{HEIGHT}" font-family="sans-serif" font-size="11">\n'
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>\n{body}\n</svg>\n'
    )


def _legend() -> Iterator[str]:
    for i, (name, colour) in enumerate(COLOURS.items()):
        x = LEFT + i * 120
        yield f'<line x1="{x}" y1="18" x2="{x + 20}" y2="18" stroke="{colour}" stroke-width="2"/>'
        yield _text(x + 26, 22, name)


def _panels(figures: Figures) -> Iterator[str]:
    for row, (measure, title) in enumerate(ROWS.items()):
        top = TOP + row * (PANEL_HEIGHT + GAP)
        for column, operation in enumerate(OPERATIONS):
            left = LEFT + column * (PANEL_WIDTH + GAP)
            yield from _panel(figures, operation, measure, left, top)
            yield _text(left, top - 6, f"{operation}: {title}")


def _panel(
    figures: Figures, operation: str, measure: str, left: float, top: float
) -> Iterator[str]:
    lines = {
        name: {
            concurrency: figures.of(Key(name, operation, concurrency), measure)
            for concurrency in CONCURRENCIES
        }
        for name in COLOURS
        if Key(name, operation, CONCURRENCIES[0]) in figures
    }
    values = [value for line in lines.values() for spread in line.values() for value in spread]
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    bottom = top + PANEL_HEIGHT

    def x(concurrency: int) -> float:
        return left + math.log(concurrency) / math.log(CONCURRENCIES[-1]) * PANEL_WIDTH

    def y(value: float) -> float:
        return bottom - (math.log10(value) - low) / (high - low) * PANEL_HEIGHT

    for power in range(low, high + 1):
        height = y(10**power)
        yield _line(left, height, left + PANEL_WIDTH, height, "#e5e5e5")
        yield _text(left - 4, height + 4, f"{10**power:g}", "end")
    for concurrency in CONCURRENCIES:
        yield _text(x(concurrency), bottom + 14, str(concurrency), "middle")
    for name, line in lines.items():
        points = " ".join(f"{x(c):.1f},{y(spread.middle):.1f}" for c, spread in line.items())
        yield (
            f'<polyline points="{points}" fill="none" stroke="{COLOURS[name]}" stroke-width="2"/>'
        )
        for concurrency, spread in line.items():  # the quartiles
            at = x(concurrency)
            yield _line(at, y(spread.low), at, y(spread.high), COLOURS[name])


def _line(x1: float, y1: float, x2: float, y2: float, colour: str) -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}"/>'


def _text(x: float, y: float, text: str, anchor: str = "start") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{text}</text>'
