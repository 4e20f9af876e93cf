"""How a connection is kept alive and proven, and how many PINGs that may take.

Firewalls and load balancers forget a flow that was idle, by reset or by silence. Servers on grpc-go
hang up on who sends PINGs too often (its ``keepalive.EnforcementPolicy``): each that comes sooner
than `_APART` after the one before is a strike, the third strike is the last, and only an answer of
the server's to a call wipes them out.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Final, Self

#: seconds between two PINGs that are no strike: a MinTime of 5 s, and what the network adds
_APART: Final = 5.5
#: strikes that we take: one less than the server lets pass
_STRIKES: Final = 1


@dataclass(frozen=True)
class Keepalive:
    """When to ask for a sign of life, and how long to wait for it. Seconds."""

    #: silence of a server that owes an answer, before it is sent a PING, and again before it is cut
    waiting: float = 1.5
    #: silence of a connection without calls before it is sent a PING
    idle: float = 20.0
    #: silence after which a connection has to prove itself before a call is sent on it
    fresh: float = 1.0
    #: what it has for that
    proof: float = 1.0
    #: without a call, until a connection is closed
    unused: float = 3600.0

    def slower(self) -> Self:
        """What a server asks for that has had too many PINGs."""
        return dataclasses.replace(self, idle=2 * self.idle)


class Pings:
    """The PINGs of one connection, whatever they are for. Times are of any monotonic clock."""

    __slots__ = ("_strikes", "last")

    def __init__(self) -> None:
        self._strikes = 0
        #: when the last one was sent
        self.last = float("-inf")

    def spend(self, now: float) -> bool:
        """Whether one may be sent now; it is counted then."""
        if now - self.last < _APART:
            if self._strikes == _STRIKES:
                return False
            self._strikes += 1
        self.last = now
        return True

    def answered(self) -> None:
        """Note an answer to a call."""
        self._strikes = 0
