"""Whose turn it is: in order, never too many, and given back whatever happens."""

import asyncio

import pytest

from tests.unit.engine.vault import eventually
from vault_plugin.pachyderm import turns as turning
from vault_plugin.pachyderm.pace import Pace
from vault_plugin.pachyderm.turns import _CROWDS, NoTurn, Turns

PLACE = ("pachd", 30650)
LATE = 10.0  # seconds


class Visitor:
    """A call that takes its turn and holds it until it is let go."""

    def __init__(self, turns: Turns, wait: float = LATE, *, urgent: bool = False) -> None:
        self.inside = False
        self._go = asyncio.Event()
        self.task = asyncio.create_task(self._visit(turns, wait, urgent))

    async def _visit(self, turns: Turns, wait: float, urgent: bool) -> None:
        now = asyncio.get_running_loop().time
        await turns.take(now() + wait, urgent=urgent)
        begun = now()
        self.inside = True
        try:
            await self._go.wait()
        finally:
            turns.give_back(begun)

    async def leave(self) -> None:
        self._go.set()
        await self.task
        await settle()


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def visitors(number: int, *turns: Turns) -> list[Visitor]:
    """That many of each of `turns`, one after the other."""
    found = [Visitor(each) for _ in range(number) for each in turns]
    await settle()
    return found


def inside(found: list[Visitor]) -> list[int]:
    return [number for number, visitor in enumerate(found) if visitor.inside]


async def test_clients_of_one_pachd_share_and_go_in_order() -> None:
    found = await visitors(4, Turns(*PLACE, 2), Turns(*PLACE, 2))
    assert inside(found) == [0, 1]
    for number in range(2, 8):
        await found[number - 2].leave()
        assert inside(found) == list(range(number + 1))
    for visitor in found[6:]:
        await visitor.leave()
    assert not _CROWDS


async def test_clients_of_two_pachds_do_not() -> None:
    found = await visitors(1, Turns("pachd", 1, 1), Turns("pachd", 2, 1), Turns("other", 1, 1))
    assert inside(found) == [0, 1, 2]
    for visitor in found:
        await visitor.leave()


async def test_each_keeps_to_its_own_limit_and_all_to_the_largest() -> None:
    narrow, wide = Turns(*PLACE, 1), Turns(*PLACE, 3)
    found = await visitors(4, narrow, wide)
    assert inside(found) == [0, 1, 3]
    await found[0].leave()
    assert inside(found) == [0, 1, 2, 3] or inside(found) == [0, 1, 3, 5]
    for visitor in found[1:]:
        await visitor.leave()
    assert all(visitor.inside for visitor in found)
    assert not _CROWDS


async def test_who_is_too_late_or_goes_away_takes_nothing_along() -> None:
    turns, others = Turns(*PLACE, 1), Turns(*PLACE, 1)
    (first,) = await visitors(1, turns)
    late = Visitor(others, wait=0.01)
    gone, last = await visitors(1, turns, Turns(*PLACE, 1))
    with pytest.raises(NoTurn, match="no free slot"):
        await late.task
    gone.task.cancel()
    await asyncio.gather(gone.task, return_exceptions=True)
    await first.leave()
    assert last.inside
    await last.leave()
    assert not _CROWDS


async def test_who_goes_away_as_its_turn_comes_gives_it_on() -> None:
    first, second, third = [(await visitors(1, Turns(*PLACE, 1)))[0] for _ in range(3)]
    first._go.set()
    await first.task
    second.task.cancel()  # its turn has come just now
    await settle()
    assert third.inside
    await third.leave()
    assert not _CROWDS


async def test_who_goes_away_as_another_gives_back_does_not_harm_it() -> None:
    turns = Turns(*PLACE, 1)
    now = asyncio.get_running_loop().time()
    await turns.take(now + LATE)
    gone, last = (asyncio.create_task(turns.take(now + LATE)) for _ in range(2))
    await settle()
    gone.cancel()  # it has not heard of it yet
    turns.give_back(now)
    await last
    turns.give_back(now)
    assert gone.cancelled()
    assert not _CROWDS


async def test_a_crowded_client_does_not_keep_its_neighbour_out() -> None:
    crowded, calm = Turns(*PLACE, 2), Turns(*PLACE, 2)
    found = [*await visitors(8, crowded), *await visitors(1, calm)]
    await found[0].leave()
    assert found[-1].inside
    for visitor in (found[-1], *found[1:-1]):
        await visitor.leave()
    assert not _CROWDS


async def test_what_the_host_asks_goes_first() -> None:
    turns = Turns(*PLACE, 1)
    found = await visitors(3, turns)
    host = Visitor(turns, urgent=True)
    await settle()
    await found[0].leave()
    assert host.inside
    await host.leave()
    for visitor in found[1:]:
        await visitor.leave()
    assert not _CROWDS


async def test_callers_that_wait_in_vain_are_refused_the_last_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A call has taken long without an end: as long again, four times, for each is expected."""
    monkeypatch.setattr(turning, "_REVIEW", 0.05)
    turns = Turns(*PLACE, 1)
    inside = Visitor(turns, wait=60)
    await settle()
    hosts = [Visitor(turns, wait=60, urgent=True) for _ in range(9)]
    callers = [Visitor(turns, wait=60) for _ in range(20)]
    await settle()
    assert not any(caller.task.done() for caller in callers)  # nothing is known yet
    await eventually(lambda: callers[6].task.done())
    assert not callers[0].task.done()
    assert not any(host.task.done() for host in hosts)
    with pytest.raises(NoTurn, match="calls wait"):
        await callers[-1].task
    assert all(caller.task.done() for caller in callers[6:])
    late = Visitor(turns, wait=60)
    await settle()
    assert late.task.done()  # at once
    await asyncio.gather(late.task, *(c.task for c in callers[6:]), return_exceptions=True)
    await inside.leave()
    for visitor in [*hosts, *callers[:6]]:
        if not visitor.task.done():
            await visitor.leave()
    await asyncio.gather(*(c.task for c in callers), return_exceptions=True)
    assert not _CROWDS


async def test_a_thousand_wait_for_a_fast_one() -> None:
    turns = Turns(*PLACE, 6)
    done = 0

    async def call() -> None:
        nonlocal done
        now = asyncio.get_running_loop().time
        await turns.take(now() + LATE)
        begun = now()
        await asyncio.sleep(0)
        turns.give_back(begun)
        done += 1

    await asyncio.gather(*(call() for _ in range(1000)))
    assert done == 1000
    assert not _CROWDS


def test_the_pace() -> None:
    pace = Pace()
    pace.begun(100.0)
    assert pace.expected(100.5) == 0
    assert pace.expected(102.0) == 8.0
    pace.ended(102.0, 2.0)
    assert 0 < pace.expected(102.1) < 2.0
    for moment in range(50):
        pace.ended(103.0 + moment, 2.0)
    assert 1.9 < pace.expected(152.5) <= 2.0
    assert 1.9 < pace.expected(155.0) <= 2.0  # it is slow, and not silent
    assert pace.expected(160.0) > 20
    for _ in range(12):
        pace.ended(161.0, 0.001)
    assert pace.expected(161.1) < 0.01
