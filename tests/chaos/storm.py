"""Blows at random moments of a steady load."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.chaos.conftest import Chaos
    from tests.chaos.load import Load

LATEST = 0.5  # seconds after enough answers


def storm(run: Chaos, load: Load, strike: Callable[[], object], *, answers: int) -> list[float]:
    """Strike as often as `run` says and give the moments in Unix seconds.

    Between two blows are so many answers, that each meets a plugin at work.
    """
    blows = []
    with load:
        for _ in range(run.trials):
            load.go_on(answers)
            time.sleep(run.random.uniform(0, LATEST))
            blows.append(time.time())
            strike()
        load.go_on(answers)
    return blows
