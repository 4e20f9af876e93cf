from __future__ import annotations

import random
import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from tests.chaos.record import Record
from tests.chaos.scenarios import SCENARIOS, Size
from tests.integration.conftest import plugin_file

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["plugin_file"]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Known only where tests/chaos is named on the command line; else all is at its default."""
    group = parser.getgroup("chaos")
    group.addoption("--chaos", choices=[size.value for size in Size], help="how much to run")
    group.addoption("--chaos-seed", type=int, help="what random choices are made from")


@dataclass
class Chaos:
    """One scenario's run: how often, its random choices, where its figures go."""

    name: str
    size: Size
    seed: int
    random: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        print(f"{self.name}: seed {self.seed}")

    @property
    def full(self) -> bool:
        """Whether there is time to wait for rollbacks and the like."""
        return self.size is Size.FULL

    @property
    def trials(self) -> int:
        """How often to do it."""
        return SCENARIOS[self.name].trials(self.size)

    def record(self, **figures: Any) -> Record:
        """Save the figures, which are `Record`'s; gives the record to assert on."""
        record = Record(scenario=self.name, seed=self.seed, **figures)
        record.save(self.size)
        return record


@pytest.fixture
def chaos(request: pytest.FixtureRequest) -> Callable[[str], Chaos]:
    """Gives the run of a scenario by its name: ``run = chaos("plugin-kills")``."""
    option = request.config.getoption
    size = Size(option("--chaos", None) or Size.SHORT.value)
    seed = option("--chaos-seed", None)

    def run(name: str) -> Chaos:
        if not SCENARIOS[name].trials(size):
            pytest.skip(f"{name} is for make chaos")
        return Chaos(name, size, secrets.randbelow(10**6) if seed is None else seed)

    return run
