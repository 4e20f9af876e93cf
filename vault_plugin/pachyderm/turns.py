"""Whose turn it is to call a pachd: its connections to its database are few.

All mounts of a server share this process, and so all their calls to one pachd are counted here,
whichever mount they are of.
"""

from __future__ import annotations

import asyncio
from collections import Counter


class _Crowd:
    """The calls to one pachd, under way and in wait; each client's wait in the order they came."""

    def __init__(self) -> None:
        self.limits: Counter[int] = Counter()  # of the calls here, how many have which
        self.running = 0
        self.waiting: dict[asyncio.Future[None], Turns] = {}

    @property
    def room(self) -> bool:
        """Whether one more call may run."""
        return self.running < max(self.limits)

    def call_next(self) -> None:
        """Let in whom there is room for, first of those clients that have the fewest inside.

        So that a crowded mount does not keep its neighbours out.
        """
        while self.waiting and self.room:
            chosen = None
            fewest = 0
            for turn, turns in self.waiting.items():
                # One that went away just now stands here until its task has heard of it.
                if (chosen is None or turns.running < fewest) and turns.free and not turn.done():
                    chosen, fewest = turn, turns.running
            if chosen is None:
                return
            self.running += 1
            self.waiting.pop(chosen).running += 1
            chosen.set_result(None)


_CROWDS: dict[tuple[str, int], _Crowd] = {}  # by host and port, while there are calls


class Turns:
    """The turns of one client of the pachd at `host` and `port`.

    At most `limit` of its calls run at once. All clients of that pachd together run no more than
    the largest limit among those that have calls there now.
    """

    def __init__(self, host: str, port: int, limit: int) -> None:
        self.running = 0
        self._place = (host, port)
        self._limit = limit

    @property
    def free(self) -> bool:
        """Whether one more of its own calls may run."""
        return self.running < self._limit

    async def take(self, end: float) -> None:
        """Wait for room for one call, till `end` (the loop's time). Raises TimeoutError."""
        crowd = _CROWDS.get(self._place)
        if crowd is None:
            crowd = _CROWDS[self._place] = _Crowd()
        crowd.limits[self._limit] += 1
        if not crowd.waiting and self.free and crowd.room:
            crowd.running += 1
            self.running += 1
            return
        turn = asyncio.get_running_loop().create_future()
        crowd.waiting[turn] = self
        crowd.call_next()
        if turn.done():
            return
        try:
            async with asyncio.timeout_at(end):
                await turn
        except (TimeoutError, asyncio.CancelledError):
            if crowd.waiting.pop(turn, None) is None:
                self.give_back()
            else:
                self._leave(crowd)
            raise

    def give_back(self) -> None:
        """End a call that had its turn."""
        crowd = _CROWDS[self._place]
        crowd.running -= 1
        self.running -= 1
        self._leave(crowd)

    def _leave(self, crowd: _Crowd) -> None:
        crowd.limits[self._limit] -= 1
        if not crowd.limits[self._limit]:
            del crowd.limits[self._limit]
        if crowd.limits:
            crowd.call_next()
        else:
            del _CROWDS[self._place]
