"""Whose turn it is: in order, never too many, and given back whatever happens."""

import asyncio

import pytest

from tests.unit.engine.vault import eventually
from vault_plugin.pachyderm import pace as pacing
from vault_plugin.pachyderm import turns as turning
from vault_plugin.pachyderm.pace import Pace
from vault_plugin.pachyderm.turns import _CROWDS, NoTurn, Turns

PLACE = ("pachd", 30650)
LATE = 10.0  # seconds


class Visitor:
    """A call that takes its turn and holds it until it is let go."""

    def __init__(self, turns: Turns, wait: float = LATE, *, urgent: bool = False) -> None:
        self.inside = False
        self.since = asyncio.get_running_loop().time()
        self._go = asyncio.Event()
        self.task = asyncio.create_task(self._visit(turns, wait, urgent))

    async def _visit(self, turns: Turns, wait: float, urgent: bool) -> None:
        now = asyncio.get_running_loop().time
        await turns.take(now() + wait, now() + wait, urgent=urgent)
        begun = now()
        self.inside = True
        try:
            await self._go.wait()
        finally:
            turns.give_back(now() - begun)

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


def any_calls() -> bool:
    """Whether any call is under way or in wait."""
    return any(crowd.running or any(t.calls for t in crowd.clients) for crowd in _CROWDS.values())


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
    assert not any_calls()


async def test_clients_without_calls_cost_the_others_nothing() -> None:
    """Of a thousand mounts few have calls: the others are not looked at for each of these."""
    place = ("crowded", 30650)
    idle = {Turns(*place, 2) for _ in range(3)}
    for turns in idle:  # from here on to look at one raises AttributeError
        del turns.running, turns.limit, turns.hosts, turns.callers
    found = await visitors(4, Turns(*place, 2), Turns(*place, 2))
    assert inside(found) == [0, 1]
    for visitor in found:
        await visitor.leave()
    crowd = _CROWDS[place]
    assert crowd.clients > idle
    assert not crowd.busy
    crowd.clients -= idle


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
    assert not any_calls()


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
    assert not any_calls()


async def test_who_goes_away_as_its_turn_comes_gives_it_on() -> None:
    first, second, third = [(await visitors(1, Turns(*PLACE, 1)))[0] for _ in range(3)]
    first._go.set()
    await first.task
    second.task.cancel()  # its turn has come just now
    await settle()
    assert third.inside
    await third.leave()
    assert not any_calls()


async def test_who_goes_away_as_another_gives_back_does_not_harm_it() -> None:
    turns = Turns(*PLACE, 1)
    now = asyncio.get_running_loop().time()
    await turns.take(now + LATE, now + LATE)
    gone, last = (asyncio.create_task(turns.take(now + LATE, now + LATE)) for _ in range(2))
    await settle()
    gone.cancel()  # it has not heard of it yet
    turns.give_back()
    await last
    turns.give_back()
    assert gone.cancelled()
    assert not any_calls()


async def test_a_crowded_client_does_not_keep_its_neighbour_out() -> None:
    crowded, calm = Turns(*PLACE, 2), Turns(*PLACE, 2)
    found = [*await visitors(8, crowded), *await visitors(1, calm)]
    await found[0].leave()
    assert found[-1].inside
    for visitor in (found[-1], *found[1:-1]):
        await visitor.leave()
    assert not any_calls()


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
    assert not any_calls()


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turning, "_REVIEW", 0.05)
    monkeypatch.setattr(pacing, "_SILENCE", 0.5)


@pytest.mark.usefixtures("hasty")
async def test_callers_that_wait_in_vain_are_refused_the_last_first() -> None:
    """A call has taken long without an answer: as long again is expected of each."""
    turns = Turns(*PLACE, 1)
    inside = Visitor(turns, wait=30)
    await settle()
    hosts = [Visitor(turns, wait=30, urgent=True) for _ in range(9)]
    callers = [Visitor(turns, wait=30) for _ in range(20)]
    await settle()
    assert not any(caller.task.done() for caller in callers)  # nothing is known yet
    await eventually(lambda: callers[15].task.done())
    assert not callers[0].task.done()
    assert not any(host.task.done() for host in hosts)
    with pytest.raises(NoTurn, match="calls wait"):
        await callers[-1].task
    assert all(caller.task.done() for caller in callers[15:])
    late = [Visitor(turns, wait=30) for _ in range(5)]
    await settle()
    assert late[-1].task.done()  # at once
    await inside.leave()
    for host in hosts:
        await host.leave()
    for caller in (*callers, *late):
        caller.task.cancel()
    await asyncio.gather(*(c.task for c in (*callers, *late)), return_exceptions=True)
    assert not any_calls()


@pytest.mark.usefixtures("hasty")
async def test_a_caller_who_would_begin_in_time_and_not_end_is_refused() -> None:
    """A mint cut off in its middle may leave a token that nobody knows."""
    turns = Turns(*PLACE, 1)
    first = Visitor(turns)
    await settle()
    for _ in range(12):
        turns.pace.answered(asyncio.get_running_loop().time(), 6.0)
    second = Visitor(turns)
    with pytest.raises(NoTurn, match="0 calls wait, of 6s each"):
        await second.task
    await first.leave()
    assert not any_calls()


async def test_a_pause_of_a_pachd_that_is_well_costs_nobody_his_turn() -> None:
    turns, served = Turns(*PLACE, 6), 0
    paused = asyncio.get_running_loop().time() + 1.2

    async def call() -> None:
        nonlocal served
        now = asyncio.get_running_loop().time
        came = now()
        await turns.take(came + 0.9 * LATE, came + LATE)
        begun = now()
        await asyncio.sleep(max(paused - begun, 0.002))
        turns.give_back(now() - begun)
        served += 1

    await asyncio.gather(*(call() for _ in range(300)))
    assert served == 300


async def test_a_client_that_hangs_leaves_its_neighbour_a_turn() -> None:
    hung, calm = Turns("shared", 1, 3), Turns("shared", 1, 3)
    found = await visitors(9, hung)
    assert inside(found) == [0, 1]
    for _ in range(3):
        (visitor,) = await visitors(1, calm)
        assert visitor.inside
        await visitor.leave()
    calm.close()
    await found[0].leave()
    assert inside(found) == [0, 1, 2, 3], "alone, it has them all"
    for visitor in found[1:]:
        await visitor.leave()
    assert not any_calls()


@pytest.mark.usefixtures("hasty")
async def test_the_silence_of_one_is_not_that_of_the_other() -> None:
    """Its neighbour's calls are answered all the while, or have no turn because of it."""
    hung, calm = Turns(*PLACE, 3), Turns(*PLACE, 3)
    found = await visitors(200, hung)
    while not found[20].task.done():
        (visitor,) = await visitors(1, calm)
        await asyncio.sleep(0.02)
        await visitor.leave()
        assert asyncio.get_running_loop().time() - found[0].since < 5
    single = Turns("other", 1, 1), Turns("other", 1, 1)
    (holds,) = await visitors(1, single[0])
    (waits,) = await visitors(1, single[1])
    await asyncio.sleep(1)
    assert not waits.task.done()
    await holds.leave()
    await waits.leave()
    for each in found:
        each.task.cancel()
    await asyncio.gather(*(each.task for each in found), return_exceptions=True)
    assert not any_calls()


async def test_a_thousand_wait_for_a_fast_one() -> None:
    turns = Turns(*PLACE, 6)
    done = 0

    async def call() -> None:
        nonlocal done
        now = asyncio.get_running_loop().time
        came = now()
        await turns.take(came + LATE, came + LATE)
        begun = now()
        await asyncio.sleep(0)
        turns.give_back(now() - begun)
        done += 1

    await asyncio.gather(*(call() for _ in range(1000)))
    assert done == 1000
    assert not any_calls()


def test_the_pace() -> None:
    pace = Pace()
    pace.begun(100.0)
    assert pace.expected(101.5, busy=True) == 0
    assert pace.expected(104.0, busy=True) == 16.0
    assert pace.expected(104.0, busy=False) == 0
    for _ in range(11):
        pace.answered(102.0, 2.0)
        assert pace.expected(102.1, busy=True) == 0  # a few tell little
    pace.answered(102.0, 2.0)
    assert pace.expected(102.1, busy=True) == 2.0
    for moment in range(10):
        pace.answered(103.0 + moment, 3.0)
    assert 2.8 < pace.expected(112.5, busy=True) <= 3.0
    assert 2.8 < pace.expected(115.0, busy=True) <= 3.0  # it is slow, and not silent
    assert pace.expected(120.0, busy=True) == 32.0
    for _ in range(12):
        pace.answered(121.0, 0.001)
    assert pace.expected(121.1, busy=True) < 0.01
