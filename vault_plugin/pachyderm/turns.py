"""Whose turn it is to call a pachd: its connections to its database are few.

All mounts of a server share this process, and so all their calls to one pachd are counted here,
whichever mount they are of. Each mount has queues of its own. What the host asks of its own accord
goes before what callers ask, and is never refused for the length of a queue: the host gives up on a
revocation after six failures. A caller's call that pachd will not come to in time is refused at
once, or as soon as that shows.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from itertools import count
from typing import Final, NamedTuple, TypeAlias
from weakref import WeakValueDictionary

from vault_plugin.pachyderm.pace import Pace

#: seconds between two looks at who waits in vain
_REVIEW: Final = 0.25


class NoTurn(Exception):  # noqa: N818 - says what became of the call
    """The call had no turn, and was not sent; the text says why."""


class _Wait(NamedTuple):
    """`number` grows with each that comes.

    The turn is to come by `begin`, and the call to be over by `end`, both the loop's time.
    """

    number: int
    begin: float
    end: float


_Queue: TypeAlias = "OrderedDict[asyncio.Future[None], _Wait]"


class _Crowd:
    """The clients of one pachd that are open or have calls, and these, under way and in wait.

    `busy` are those of them that have calls, and those who had till this moment: of a thousand
    mounts few do, and each call is decided on by a look at these alone.
    """

    def __init__(self) -> None:
        self.clients: set[Turns] = set()
        self.busy: set[Turns] = set()
        self.running = 0
        self.waiting = 0  # entries of all queues
        self.watch: asyncio.TimerHandle | None = None

    @property
    def callers_wait(self) -> bool:
        """Whether there is anybody to review."""
        return any(turns.callers for turns in self.busy)

    def has_room(self, turns: Turns) -> bool:
        """Whether a call of `turns` may run.

        No client takes the last turn where others use the same pachd: it may hang for it alone.
        """
        if len(self.clients) == 1:
            return turns.running < turns.limit
        if not self.running:
            return True
        limit = max(t.limit for t in self.busy if t.calls or t is turns)
        own = min(turns.limit, max(1, limit - 1))
        return self.running < limit and turns.running < own

    def begin(self, turns: Turns, now: float) -> None:
        """Let a call of `turns` run."""
        if not turns.running:
            turns.pace.begun(now)
        self.running += 1
        turns.running += 1

    def call_next(self, now: float) -> None:
        """Let in whom there is room for, first of those clients that have the fewest inside.

        So that a crowded mount does not keep its neighbours out.
        """
        while self.waiting:
            ready = [t for t in self.busy if t.queue and self.has_room(t)]
            if not ready:
                break
            chosen = min(ready, key=lambda turns: (turns.running, turns.first.number))
            turn, _ = chosen.queue.popitem(last=False)
            self.waiting -= 1
            if not turn.done():  # else it went away just now, and its task has not heard of it
                self.begin(chosen, now)
                turn.set_result(None)
        if self.watch is not None and not self.callers_wait:
            self.watch.cancel()
            self.watch = None

    def refuse_late(self, now: float) -> None:
        """Refuse the callers who will not be served in time, the last first."""
        crowded = [turns for turns in self.busy if turns.calls]
        for turns in crowded:
            each = turns.pace.expected(now, busy=turns.running > 0)
            slots = max(turns.running, min(turns.limit, self.running // len(crowded)), 1)
            while turns.callers:
                ahead = len(turns.hosts) + len(turns.callers)
                turn = next(reversed(turns.callers))
                wait = turns.callers[turn]
                begin = now + each * ahead / slots
                if begin <= wait.begin and begin + each <= wait.end:
                    break
                del turns.callers[turn]
                self.waiting -= 1
                _refuse(turn, f"{ahead - 1} calls wait, of {each:.2g}s each")

    def review(self, loop: asyncio.AbstractEventLoop) -> None:
        """Refuse whom it shows by now that they wait in vain, and look again later."""
        self.watch = None
        self.refuse_late(loop.time())
        self.review_later(loop)

    def review_later(self, loop: asyncio.AbstractEventLoop) -> None:
        """See to a review for as long as callers wait."""
        if self.watch is None and self.callers_wait:
            self.watch = loop.call_later(_REVIEW, self.review, loop)


def _refuse(turn: asyncio.Future[None], why: str) -> None:
    """Give up a wait, unless it is over."""
    if not turn.done():
        turn.set_exception(NoTurn(why))


_CROWDS: WeakValueDictionary[tuple[str, int], _Crowd] = WeakValueDictionary()  # by host and port
_NUMBERS = count()


class Turns:
    """The turns of one client of the pachd at `host` and `port`, till it is closed.

    At most `limit` of its calls run at once. All clients of that pachd together run no more than
    the largest limit among those that have calls there now, and each leaves one of these to others.
    """

    def __init__(self, host: str, port: int, limit: int) -> None:
        self.running = 0
        self.limit = limit
        self.pace = Pace()
        self.hosts: _Queue = OrderedDict()
        self.callers: _Queue = OrderedDict()
        self._closed = False
        self._crowd = _CROWDS.setdefault((host, port), _Crowd())
        self._crowd.clients.add(self)

    def close(self) -> None:
        """Have others reckon with it no more than its calls ask for."""
        self._closed = True
        self._leave()

    def _leave(self) -> None:
        if self.calls:
            return
        self._crowd.busy.discard(self)
        if self._closed:
            self._crowd.clients.discard(self)

    @property
    def calls(self) -> bool:
        """Whether it has calls, under way or in wait."""
        return bool(self.running or self.hosts or self.callers)

    @property
    def queue(self) -> _Queue:
        """Where the next one waits, if anybody does."""
        return self.hosts or self.callers

    @property
    def first(self) -> _Wait:
        """The wait of the next one."""
        return next(iter(self.queue.values()))

    async def take(self, begin: float, end: float, *, urgent: bool = False) -> None:
        """Wait for room for one call, that is to be over by `end`, till `begin` (the loop's times).

        One that is `urgent` is the host's own, and has its time when it begins. Raises NoTurn.
        """
        crowd = self._crowd
        crowd.clients.add(self)  # it may have left
        crowd.busy.add(self)
        loop = asyncio.get_running_loop()
        if not self.queue and crowd.has_room(self):
            crowd.begin(self, loop.time())
            return
        turn = loop.create_future()
        queue = self.hosts if urgent else self.callers
        queue[turn] = _Wait(next(_NUMBERS), begin, end)
        crowd.waiting += 1
        came = loop.time()
        crowd.call_next(came)
        crowd.refuse_late(came)
        crowd.review_later(loop)
        wait = max(0.0, begin - came)
        late = loop.call_at(begin, _refuse, turn, f"no free slot within {wait:.2g}s")
        try:
            await turn
        except BaseException:
            if turn.done() and not turn.cancelled() and turn.exception() is None:
                self.give_back()
            else:
                if queue.pop(turn, None) is not None:
                    crowd.waiting -= 1
                self._leave()
                crowd.call_next(loop.time())
            raise
        finally:
            late.cancel()

    def give_back(self, took: float | None = None) -> None:
        """End a call that had its turn; one that was answered `took` so many seconds."""
        now = asyncio.get_running_loop().time()
        if took is not None:
            self.pace.answered(now, took)
        self._crowd.running -= 1
        self.running -= 1
        self._leave()
        self._crowd.call_next(now)
