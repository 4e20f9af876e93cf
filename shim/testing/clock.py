"""A clock that is set: the host's, and what `time.time` tells the engine."""

from __future__ import annotations

import time
from unittest import mock


class Clock:
    """Runs as the machine's does, ahead of it by as much as it was advanced.

    Once advanced, `time.time()` follows it until `close`; the monotonic clock, by which timeouts
    run, does not, nor does `datetime.now`.
    """

    def __init__(self) -> None:
        self._real = time.time
        self._ahead = 0.0
        self._patch = mock.patch.object(time, "time", self.now)
        self._patched = False

    def now(self) -> float:
        """Unix seconds."""
        return self._real() + self._ahead

    def advance(self, seconds: float) -> None:
        """Let `seconds` have passed."""
        if not self._patched:
            self._patch.start()
            self._patched = True
        self._ahead += seconds

    def close(self) -> None:
        """Give `time.time` back."""
        if self._patched:
            self._patch.stop()
            self._patched = False
