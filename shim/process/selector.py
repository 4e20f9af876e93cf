"""The event loop's selector: what is ready runs before the kernel is asked for more."""

from __future__ import annotations

from selectors import DefaultSelector, SelectorKey
from time import monotonic
from typing import Final

#: how often in a row the kernel is passed over, and for how many seconds at the most
_PASSED_OVER: Final = 3
_STALE: Final = 0.002


class ReadyFirst(DefaultSelector):
    """Asks the kernel not before each turn of a busy loop but before every fourth.

    asyncio asks without waiting (a timeout of 0) while callbacks are ready. One request is several
    turns, so most of those questions find nothing new, and each costs as much as a turn does. What
    did come meanwhile is then read together, and answered together. After a stall it asks at once:
    what came in time is read before a timer says that it is late.
    """

    def __init__(self) -> None:
        super().__init__()
        self._passed_over = 0
        self._asked = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[SelectorKey, int]]:
        """As the selector of the platform; empty, unasked, for up to three times in a row."""
        if timeout == 0 and self._passed_over < _PASSED_OVER and monotonic() - self._asked < _STALE:
            self._passed_over += 1
            return []
        self._passed_over = 0
        found = super().select(timeout)
        self._asked = monotonic()
        return found
