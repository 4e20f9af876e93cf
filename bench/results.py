"""All that one run of the bench found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bench.figures import Figures
    from bench.footprint import Growth, Memory, Start

SINGLE = "go-single"  # the Go plugin with a process for each mount


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """Figures at the simulator and at the stand-in, and each plugin's footprint by its name."""

    rounds: int
    simulator: Figures
    stand_in: Figures
    starts: dict[str, list[Start]]
    memory: dict[str, list[Memory]]
    growth: dict[str, list[Growth]]
