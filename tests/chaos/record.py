"""The figures of one scenario, as a file that the report is made from."""

from __future__ import annotations

import dataclasses
import json
from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from tests.chaos.scenarios import SCENARIOS, Size

if TYPE_CHECKING:
    from collections.abc import Iterator

FIGURES = Path(__file__).resolve().parents[2] / "build" / "chaos"


class Loss(StrEnum):
    """The kinds of losses there are."""

    TOKEN = "a live token that no lease and no log entry knows"
    GRANT = "a grant of a robot that has no lease"
    LEASE = "a lease whose token is gone"
    REVOCATION = "a revocation that is never retried"
    CONFIG = "a corrupted or half-written config"
    SECRET = "a secret in a log"
    HANG = "a request that hangs over its deadline"
    NEIGHBOUR = "a request of another mount that failed"
    CALL = "a call of a signed-in client that failed longer than its fault and 5 s"
    PLUGIN = "a plugin process that was replaced"


@dataclass(kw_only=True)
class Record:
    """What came of a scenario: trials, requests answered and refused, losses by kind.

    `notes` are more figures in words, one sentence each; `seed` is what the run's random choices
    were made from.
    """

    scenario: str
    trials: int
    seed: int
    answered: int = 0
    refused: int = 0
    losses: Counter[Loss] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        assert self.scenario in SCENARIOS

    def save(self, size: Size) -> None:
        """Write it to ``build/chaos/<size>/<scenario>.json`` and print it."""
        folder = FIGURES / size.value
        folder.mkdir(parents=True, exist_ok=True)
        # asdict makes of a Counter what it is not
        text = json.dumps({**dataclasses.asdict(self), "losses": dict(self.losses)}, indent=1)
        (folder / f"{self.scenario}.json").write_text(text + "\n")
        print(text)


def records(size: Size) -> Iterator[Record]:
    """The records there are, in the order of the scenarios."""
    for name in SCENARIOS:
        file = FIGURES / size.value / f"{name}.json"
        if file.exists():
            read = json.loads(file.read_text())
            losses = Counter({Loss(kind): number for kind, number in read.pop("losses").items()})
            yield Record(**read, losses=losses)
