"""The answers of a connection of which it is not known yet whether the client took them.

A client that gives up resets its stream, and it may do so when our answer is on its way: it never
sees it then, and nothing in the protocol says so. What it sends is in order, though. A reset that
is to come at all comes before the acknowledgement of a PING that we sent behind the answer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from shim.grpc.call import Call

#: opaque data of the PING behind an answer
PING: Final = b"answered"
#: calls remembered while one PING is under way; a client that answers none has older ones forgotten
_MOST: Final = 4096


class Answered:
    """Remembers calls by stream. One PING at a time stands for all that were answered before it."""

    __slots__ = ("_asked", "_fresh", "waiting")

    def __init__(self) -> None:
        self._asked: dict[int, Call] = {}  # covered by the PING under way
        self._fresh: dict[int, Call] = {}  # answered since
        #: a PING is under way
        self.waiting = False

    def add(self, stream_id: int, call: Call) -> None:
        """Remember a call whose whole answer is framed."""
        fresh = self._fresh
        if len(fresh) == _MOST:
            fresh.pop(next(iter(fresh))).on_untaken = None
        fresh[stream_id] = call

    def ask(self) -> bool:
        """Whether to send a PING now, which covers all that there is."""
        if self.waiting or not self._fresh:
            return False
        self._asked, self._fresh = self._fresh, {}
        self.waiting = True
        return True

    def acknowledged(self) -> bool:
        """The PING is acknowledged: what it covers was taken. True where there is more to ask."""
        self.waiting = False
        for call in self._asked.values():
            call.on_untaken = None  # which holds what was given; the call may be in a cycle
        self._asked = {}
        return bool(self._fresh)

    def reset(self, stream_id: int) -> None:
        """The client gave up the call of a stream: its answer, where there was one, is untaken."""
        call = self._asked.pop(stream_id, None) or self._fresh.pop(stream_id, None)
        if call is not None:
            call.untaken()
