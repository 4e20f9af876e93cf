"""How long a mount's calls take of late, to tell what can be served in time."""

from __future__ import annotations

from typing import Final

#: seconds without an answer from which a pachd is taken for slower than usual. Shorter pauses are
#: everyday (a collector, a failover of its database), and who waits is served in no time after
_SILENCE: Final = 2.0
#: what is then expected of the calls under way, in times of how long none was answered
_DOUBT: Final = 4.0
#: answers to a crowd before they tell how long its calls take: the first ones are read late, while
#: the crowd still comes in
_ENOUGH: Final = 12


class Pace:
    """All times are in seconds, of any monotonic clock.

    A pachd that hangs shows by its silence long before the first call of it ends; one that
    recovered is believed sooner than one that got slower.
    """

    def __init__(self) -> None:
        self._usual = 0.0
        self._answers = 0  # since the first of a crowd began
        self._heard = float("-inf")  # when a call was answered, or the first of a crowd began

    def begun(self, now: float) -> None:
        """Note a call that begins while no other is under way: the first of a crowd, maybe."""
        self._usual = 0.0
        self._answers = 0
        self._heard = now

    def answered(self, now: float, took: float) -> None:
        """Note an answer, whatever it says."""
        self._heard = now
        self._answers += 1
        if not self._usual:
            self._usual = took
        self._usual += (took - self._usual) / (2 if took < self._usual else 5)

    def expected(self, now: float, *, busy: bool) -> float:
        """How long a call will take; 0 where nothing is known yet.

        Silence tells something only of who is `busy`: has calls under way.
        """
        usual = self._usual if self._answers >= _ENOUGH else 0.0
        silent = now - self._heard
        if not busy or silent < max(_SILENCE, 2 * self._usual):
            return usual
        return max(usual, _DOUBT * silent)
