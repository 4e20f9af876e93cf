"""Whose turn it is to call a pachd: its connections to its database are few.

All mounts of a server share this process, and so all their calls to one pachd are counted here,
whichever mount they are of. Each mount has queues of its own. What the host asks of its own accord
goes before what callers ask, and is never refused for the length of a queue: the host gives up on a
revocation after six failures. A caller's call that pachd will not come to in time is refused at
once, or as soon as that shows.
"""

from __future__ import annotations

import asyncio
from collections import Counter, OrderedDict
from itertools import count
from typing import Final, NamedTuple, TypeAlias

from vault_plugin.pachyderm.pace import Pace

#: seconds between two looks at who waits in vain
_REVIEW: Final = 0.25


class NoTurn(Exception):  # noqa: N818 - says what became of the call
    """The call had no turn, and was not sent; the text says why."""


class _Wait(NamedTuple):
    """`number` grows with each that comes; the turn is to come by `end`, the loop's time."""

    number: int
    end: float


_Queue: TypeAlias = "OrderedDict[asyncio.Future[None], _Wait]"


class _Crowd:
    """The calls to one pachd, under way and in wait."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.members: Counter[Turns] = Counter()  # how many calls each client has here
        self.limit = 0  # how many may run at once: the largest of the members'
        self.running = 0
        self.pace = Pace()
        self.watch: asyncio.TimerHandle | None = None

    def join(self, turns: Turns) -> None:
        """Count a call of `turns`, under way or in wait."""
        self.members[turns] += 1
        self.limit = max(self.limit, turns.limit)

    def leave(self, turns: Turns) -> None:
        """Count one less, and let the next in."""
        left = self.members[turns] - 1
        if left:
            self.members[turns] = left
        else:
            del self.members[turns]
            self.limit = max((each.limit for each in self.members), default=0)
        self.call_next()

    def begin(self, turns: Turns) -> None:
        """Let a call of `turns` run."""
        if not self.running:
            self.pace.begun(self.loop.time())
        self.running += 1
        turns.running += 1

    def call_next(self) -> None:
        """Let in whom there is room for, first of those clients that have the fewest inside.

        So that a crowded mount does not keep its neighbours out.
        """
        while self.running < self.limit:
            ready = [t for t in self.members if t.queue and t.running < t.limit]
            if not ready:
                return
            chosen = min(ready, key=lambda turns: (turns.running, turns.first.number))
            turn, _ = chosen.queue.popitem(last=False)
            if not turn.done():  # else it went away just now, and its task has not heard of it
                self.begin(chosen)
                turn.set_result(None)

    def refuse_late(self) -> None:
        """Refuse the callers whose turn will not come in time, the last first."""
        now = self.loop.time()
        each = self.pace.expected(now)
        for turns in self.members:
            slots = min(turns.limit, max(1, self.limit // len(self.members)))
            while turns.callers:
                ahead = len(turns.hosts) + len(turns.callers)
                turn = next(reversed(turns.callers))
                if now + each * ahead / slots <= turns.callers[turn].end:
                    break
                del turns.callers[turn]
                if not turn.done():
                    turn.set_exception(NoTurn(f"{ahead - 1} calls wait, of {each:.2g}s each"))

    def review(self) -> None:
        """Refuse whom it shows by now that they wait in vain, and look again later."""
        self.watch = None
        self.refuse_late()
        self.review_later()

    def review_later(self) -> None:
        """See to a review for as long as callers wait."""
        if self.watch is None and any(turns.callers for turns in self.members):
            self.watch = self.loop.call_later(_REVIEW, self.review)


_CROWDS: dict[tuple[str, int], _Crowd] = {}  # by host and port, while there are calls
_NUMBERS = count()


class Turns:
    """The turns of one client of the pachd at `host` and `port`.

    At most `limit` of its calls run at once. All clients of that pachd together run no more than
    the largest limit among those that have calls there now.
    """

    def __init__(self, host: str, port: int, limit: int) -> None:
        self.running = 0
        self.limit = limit
        self.hosts: _Queue = OrderedDict()
        self.callers: _Queue = OrderedDict()
        self._place = (host, port)

    @property
    def queue(self) -> _Queue:
        """Where the next one waits, if anybody does."""
        return self.hosts or self.callers

    @property
    def first(self) -> _Wait:
        """The wait of the next one."""
        return next(iter(self.queue.values()))

    async def take(self, end: float, *, urgent: bool = False) -> None:
        """Wait for room for one call, till `end` (the loop's time).

        One that is `urgent` is the host's own. Raises NoTurn.
        """
        crowd = _CROWDS.get(self._place)
        if crowd is None:
            crowd = _CROWDS[self._place] = _Crowd()
        crowd.join(self)
        if not self.queue and self.running < self.limit and crowd.running < crowd.limit:
            crowd.begin(self)
            return
        turn = crowd.loop.create_future()
        queue = self.hosts if urgent else self.callers
        queue[turn] = _Wait(next(_NUMBERS), end)
        crowd.call_next()
        crowd.refuse_late()
        crowd.review_later()
        begun = crowd.loop.time()
        try:
            async with asyncio.timeout_at(end):
                await turn
        except BaseException as error:
            if turn.done() and not turn.cancelled() and turn.exception() is None:
                self.give_back(crowd.loop.time())
            else:
                queue.pop(turn, None)
                self._leave(crowd)
            if isinstance(error, TimeoutError):
                waited = crowd.loop.time() - begun
                raise NoTurn(f"no free slot within {waited:.2g}s") from None
            raise

    def give_back(self, begun: float) -> None:
        """End a call that had its turn, and began at `begun` (the loop's time)."""
        crowd = _CROWDS[self._place]
        now = crowd.loop.time()
        crowd.pace.ended(now, now - begun)
        crowd.running -= 1
        self.running -= 1
        self._leave(crowd)

    def _leave(self, crowd: _Crowd) -> None:
        crowd.leave(self)
        if not crowd.members:
            del _CROWDS[self._place]
            if crowd.watch is not None:
                crowd.watch.cancel()
