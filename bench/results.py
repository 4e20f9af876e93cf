"""All that one run of the bench found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.figures import Figures
    from bench.footprint import Growth, Start
    from bench.leases import Leases
    from bench.mounts import Mounts

SINGLE = "go-single"  # the Go plugin with a process for each mount


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """Everybody's figures on one server, which `product` names with its version."""

    product: str
    simulator: Figures
    stand_in: Figures


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """Figures on OpenBao, on Vault where there is one, and each plugin's footprint by its name.

    Server, plugin and load had so many `cores` to themselves. `pace` is the CPU of the fixed loop
    before each start, in seconds.
    """

    rounds: int
    cores: int
    openbao: Served
    vault: Served | None
    pace: list[float]
    starts: dict[str, list[Start]]
    mounts: dict[str, list[Mounts]]
    leases: list[Leases]
    growth: dict[str, list[Growth]]

    def figures(self) -> Iterator[Figures]:
        """Those of every round at every pachd on every server."""
        for served in (self.openbao, self.vault):
            if served is not None:
                yield from (served.simulator, served.stand_in)
