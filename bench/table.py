"""Tables of Markdown, and how numbers stand in them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bench.figures import Spread


def heads(*names: str) -> list[str]:
    """The head of a table, two lines."""
    return [row(*names), row(*("---" for _ in names))]


def row(*cells: str) -> str:
    """A line of a table."""
    return f"| {' | '.join(cells)} |"


def number(value: float) -> str:
    """Three digits of a time or a ratio; nothing for zero."""
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}" if value else ""


def megabytes(size: float) -> str:
    """Bytes as millions of them."""
    return f"{size / 1e6:,.1f}"


def quartiles(spread: Spread, digits: int = 2) -> str:
    """The quartiles in brackets, where they are not all one."""
    if spread.low == spread.high:
        return ""
    return f" ({spread.low:.{digits}f}-{spread.high:.{digits}f})"
