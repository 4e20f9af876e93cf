"""A panel of a drawing: lines on two logarithmic axes, as SVG."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from bench.contenders import BUILT_IN, DIAL, KEPT_CALL, OURS, POOLED
from bench.results import SINGLE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from bench.figures import Spread

COLOURS = {
    OURS: "#c2410c",
    POOLED: "#1d4ed8",
    DIAL: "#60a5fa",
    SINGLE: "#7dd3fc",
    BUILT_IN: "#4b5563",
    KEPT_CALL: "#a3a3a3",
}
PANEL_WIDTH, PANEL_HEIGHT = 170, 150
GAP, LEFT, TOP, BOTTOM = 40, 50, 60, 30


def size(columns: int, rows: int) -> tuple[int, int]:
    """Width and height of a drawing of so many panels."""
    return LEFT + columns * (PANEL_WIDTH + GAP), TOP + rows * (PANEL_HEIGHT + GAP) + BOTTOM


def drawing(names: Iterable[str], panels: Iterable[str], columns: int, rows: int) -> str:
    """The whole drawing, under a legend of who is in it."""
    width, height = size(columns, rows)
    body = "\n".join([*_legend(names), *panels])
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}"'
        f' width="{width}" height="{height}" font-family="sans-serif" font-size="11">\n'
        f'<rect width="{width}" height="{height}" fill="white"/>\n{body}\n</svg>\n'
    )


def panel(
    title: str, lines: Mapping[str, Mapping[int, Spread]], column: int, row: int
) -> Iterator[str]:
    """One panel, in its place; the lines are by who they are of, with their points' quartiles."""
    left, top = LEFT + column * (PANEL_WIDTH + GAP), TOP + row * (PANEL_HEIGHT + GAP)
    bottom = top + PANEL_HEIGHT
    marks = sorted({at for line in lines.values() for at in line})
    values = [value for line in lines.values() for spread in line.values() for value in spread]
    low = math.floor(math.log10(min(values)))
    high = max(low + 1, math.ceil(math.log10(max(values))))

    def x(mark: int) -> float:
        return left + math.log(mark / marks[0]) / math.log(marks[-1] / marks[0]) * PANEL_WIDTH

    def y(value: float) -> float:
        return bottom - (math.log10(value) - low) / (high - low) * PANEL_HEIGHT

    yield _text(left, top - 6, title)
    for power in range(low, high + 1):
        at = y(10**power)
        yield _line(left, at, left + PANEL_WIDTH, at, "#e5e5e5")
        yield _text(left - 4, at + 4, f"{10**power:g}", "end")
    for mark in marks:
        yield _text(x(mark), bottom + 14, f"{mark:,}", "middle")
    for name, line in lines.items():
        points = " ".join(f"{x(at):.1f},{y(spread.middle):.1f}" for at, spread in line.items())
        yield (
            f'<polyline points="{points}" fill="none" stroke="{COLOURS[name]}" stroke-width="2"/>'
        )
        for at, spread in line.items():
            yield _line(x(at), y(spread.low), x(at), y(spread.high), COLOURS[name])


def _legend(names: Iterable[str]) -> Iterator[str]:
    for i, name in enumerate(names):
        x = LEFT + i * 120
        yield (
            f'<line x1="{x}" y1="18" x2="{x + 20}" y2="18" stroke="{COLOURS[name]}"'
            ' stroke-width="2"/>'
        )
        yield _text(x + 26, 22, name)


def _line(x1: float, y1: float, x2: float, y2: float, colour: str) -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}"/>'


def _text(x: float, y: float, text: str, anchor: str = "start") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{text}</text>'
