"""The event loop's selector: what is ready runs before the kernel is asked for more."""

from __future__ import annotations

from selectors import DefaultSelector, SelectorKey
from typing import Final

#: how often in a row the kernel is passed over
_PASSED_OVER: Final = 3


class ReadyFirst(DefaultSelector):
    """Asks the kernel not before each turn of a busy loop but before every fourth.

    asyncio asks without waiting (a timeout of 0) while callbacks are ready. One request is several
    turns, so most of those questions find nothing new, and each costs as much as a turn does. What
    did come meanwhile is then read together, and answered together.
    """

    def __init__(self) -> None:
        super().__init__()
        self._passed_over = 0

    def select(self, timeout: float | None = None) -> list[tuple[SelectorKey, int]]:
        """As the selector of the platform; empty, unasked, for up to three times in a row."""
        if timeout == 0 and self._passed_over < _PASSED_OVER:
            self._passed_over += 1
            return []
        self._passed_over = 0
        return super().select(timeout)
