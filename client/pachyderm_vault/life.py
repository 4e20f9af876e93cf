"""How long what Vault gave lasts, and what must be done about it when.

No I/O and no clock here: every time is passed in, in seconds of one clock that never goes back.
"""

from __future__ import annotations

import enum
import math
from dataclasses import dataclass, replace
from typing import Callable, TypeVar

EARLIEST, LATEST = 0.5, 0.6  # of a life: where its renewal is due, at random in between
MARGIN = 30.0  # seconds before its end at which a token is no longer given out,
MARGIN_SHARE = 0.1  # or so much of its life, where that is less
FIRST_PAUSE = 0.25  # seconds until the next attempt after one that failed, doubled by each
LONGEST_PAUSE = 30.0  # while there is a living token
STARVING_PAUSE = 3.0  # while there is none

Random = Callable[[], float]  # as random.random: from 0 to 1


class Need(enum.Enum):
    """What a life asks for now."""

    NOTHING = "nothing"
    RENEWAL = "a renewal"
    ANOTHER = "another in its place"


L = TypeVar("L", bound="Life")


@dataclass(frozen=True)
class Life:
    """A lease's life, or a Vault token's, as last granted.

    `asked` is when it was asked for, since it began before the answer came; `seconds` it lasts from
    then (infinity: it has no end), `first` it lasted when new; `share` of it is over when it is due
    to be renewed.
    """

    asked: float
    seconds: float
    first: float
    renewable: bool
    share: float

    @property
    def ends(self) -> float:
        """When it is over."""
        return self.asked + self.seconds

    @property
    def due(self) -> float:
        """When it should be renewed, or replaced where it cannot be."""
        return self.asked + self.share * self.seconds

    @property
    def fading(self) -> bool:
        """Whether the last renewal gave no more than half: its longest life draws near."""
        return self.seconds <= self.first / 2 < math.inf

    def need(self, now: float) -> Need:
        """What it asks for."""
        if now < self.due and not self.fading:
            return Need.NOTHING
        if self.renewable and not self.fading and now < self.ends:
            return Need.RENEWAL
        return Need.ANOTHER

    def renewed(self: L, asked: float, seconds: float, renewable: bool, random: Random) -> L:
        """The same, as a renewal answered."""
        return replace(self, asked=asked, seconds=seconds, renewable=renewable, share=share(random))


def share(random: Random) -> float:
    """The share of a life after which it is due, spread so that a thousand do not ask at once."""
    return EARLIEST + (LATEST - EARLIEST) * random()


def margin(first: float, under: float) -> float:
    """The seconds before its end at which a token is no longer given out, where none are set.

    It lasts `first` seconds when new, and what it depends on `under`.
    """
    return min(MARGIN, MARGIN_SHARE * first, MARGIN_SHARE * under)


class Patience:
    """When to try again what failed: later and later, at random, so that nobody storms a server."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._failures = 0
        self.until = -math.inf  # no attempt before this

    def failed(self, now: float, *, starving: bool) -> None:
        """An attempt failed. `starving` is whether somebody is without a token meanwhile."""
        longest = STARVING_PAUSE if starving else LONGEST_PAUSE
        pause = min(longest, FIRST_PAUSE * 2.0 ** min(self._failures, 16))
        self._failures += 1
        self.until = now + pause * (0.5 + 0.5 * self._random())

    def hurry(self, now: float) -> None:
        """Somebody is without a token from now on: what was to be tried late is tried soon."""
        self.until = min(self.until, now + STARVING_PAUSE)

    def succeeded(self) -> None:
        """An attempt went well."""
        self._failures = 0
        self.until = -math.inf
