"""The one clock of the package: seconds that go on while the machine sleeps, and never back."""

from __future__ import annotations

import sys
import time
from typing import Callable


def _clock() -> Callable[[], float]:
    """A laptop's sleep ends leases too, so it counts; a wall clock that is set must not."""
    if sys.platform == "linux":
        return lambda: time.clock_gettime(time.CLOCK_BOOTTIME)
    if sys.platform == "darwin":  # there it counts sleep, and time.monotonic() does not
        return lambda: time.clock_gettime(time.CLOCK_MONOTONIC)
    return time.monotonic


now = _clock()
