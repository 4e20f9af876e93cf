"""Whose turn it is: in order, never too many, and given back whatever happens."""

import asyncio

import pytest

from vault_plugin.pachyderm.turns import _CROWDS, Turns

PLACE = ("pachd", 30650)
LATE = 10.0  # seconds


class Visitor:
    """A call that takes its turn and holds it until it is let go."""

    def __init__(self, turns: Turns, wait: float = LATE) -> None:
        self.inside = False
        self._go = asyncio.Event()
        self.task = asyncio.create_task(self._visit(turns, wait))

    async def _visit(self, turns: Turns, wait: float) -> None:
        await turns.take(asyncio.get_running_loop().time() + wait)
        self.inside = True
        try:
            await self._go.wait()
        finally:
            turns.give_back()

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
    with pytest.raises(TimeoutError):
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
    turns.give_back()
    await last
    turns.give_back()
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
