"""How long a pachd takes for a call of late, to tell what can be served in time."""

from __future__ import annotations

from typing import Final

#: seconds without a call's end, all slots taken, from which a pachd is taken for slower than usual
_SILENCE: Final = 1.0
#: what is then expected of the calls under way, in times of how long none has ended
_DOUBT: Final = 4.0


class Pace:
    """All times are in seconds, of any monotonic clock.

    A pachd that hangs shows by its silence long before the first call of it ends; one that
    recovered is believed sooner than one that got slower.
    """

    def __init__(self) -> None:
        self._usual = 0.0
        self._heard = float("-inf")  # when a call ended last, or the first of a crowd began

    def begun(self, now: float) -> None:
        """Note a call that begins while no other is under way."""
        self._heard = now

    def ended(self, now: float, took: float) -> None:
        """Note the end of a call."""
        self._heard = now
        self._usual += (took - self._usual) / (2 if took < self._usual else 5)

    def expected(self, now: float) -> float:
        """How long a call will take; 0 where nothing is known yet."""
        silent = now - self._heard
        if silent < max(_SILENCE, 2 * self._usual):
            return self._usual
        return max(self._usual, _DOUBT * silent)
