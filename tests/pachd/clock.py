"""Where the simulator takes its time from, so that a test can let hours pass."""

import time
from typing import Protocol


class Clock(Protocol):
    """Seconds since 1970, never going back."""

    def now(self) -> float:
        """Return the present."""
        ...


class RealClock:
    """The machine's clock."""

    def now(self) -> float:
        return time.time()


class ManualClock:
    """A clock that stands still until it is told to move."""

    def __init__(self, now: float = 1_800_000_000.0) -> None:
        self._now = now

    def now(self) -> float:
        return self._now

    def advance(self, seconds: float) -> None:
        if seconds < 0:
            raise ValueError("time does not go back")
        self._now += seconds


class LeapingClock(RealClock):
    """The machine's clock, until it is told to leap ahead."""

    def __init__(self) -> None:
        self._ahead = 0.0

    def now(self) -> float:
        return super().now() + self._ahead

    def leap(self, seconds: float) -> None:
        """Let so many seconds be over."""
        self._ahead += seconds
