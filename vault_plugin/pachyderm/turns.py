"""Whose turn it is to call a pachd: its connections to its database are few.

All mounts of a server share this process, and so all their calls to one pachd are counted here,
whichever mount they are of.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter, deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class _Crowd:
    """The calls to one pachd, under way and in wait; those that wait go in the order they came."""

    def __init__(self) -> None:
        self.limits: Counter[int] = Counter()  # of the calls here, how many have which
        self._running = 0
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def enter(self) -> None:
        """Wait for room among the calls under way."""
        if self._room and not self._waiting:
            self._running += 1
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.cancelled():
                self._waiting.remove(turn)
                self._call_next()
            else:
                self.leave()
            raise

    def leave(self) -> None:
        """Make room for the next."""
        self._running -= 1
        self._call_next()

    @property
    def _room(self) -> bool:
        return self._running < max(self.limits)

    def _call_next(self) -> None:
        for turn in [turn for turn in self._waiting if not turn.done()]:
            if not self._room:
                return
            self._waiting.remove(turn)
            self._running += 1
            turn.set_result(None)


_CROWDS: dict[tuple[str, int], _Crowd] = {}  # by host and port, while there are calls


class Turns:
    """The turns of one client of the pachd at `host` and `port`.

    At most `limit` of its calls run at once. All clients of that pachd together run no more than
    the largest limit among those that have calls there now.
    """

    def __init__(self, host: str, port: int, limit: int) -> None:
        self._place = (host, port)
        self._limit = limit
        self._own = asyncio.Semaphore(limit)

    @contextlib.asynccontextmanager
    async def turn(self, end: float) -> AsyncIterator[None]:
        """Room for one call, had by `end` (the loop's time); raises TimeoutError."""
        crowd = _CROWDS.setdefault(self._place, _Crowd())
        crowd.limits[self._limit] += 1
        try:
            async with contextlib.AsyncExitStack() as had:
                async with asyncio.timeout_at(end):
                    await had.enter_async_context(self._own)
                    await crowd.enter()
                    had.callback(crowd.leave)
                yield
        finally:
            crowd.limits[self._limit] -= 1
            crowd.limits += Counter()  # forgets what there is none of
            if not crowd.limits:
                del _CROWDS[self._place]
