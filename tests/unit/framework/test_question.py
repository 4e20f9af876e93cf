"""A question shared by who has it at the same time, and never an answer older than who asks."""

import asyncio
from collections.abc import Coroutine

import pytest

from shim.framework.host.errors import SystemViewError
from shim.framework.host.question import Question
from shim.proto import backend_pb2 as pb


class Host:
    """Answers with what is true when it is asked, once it is let."""

    def __init__(self, lasts: float = 0.0) -> None:
        self.ttl = 1
        self.broken = False
        self.asked = 0
        self.question = Question(self._answer, lasts)
        self._ready = asyncio.Event()

    async def _answer(self) -> pb.TTLReply:
        self.asked += 1
        ttl, broken = self.ttl, self.broken
        await self._ready.wait()
        if broken:
            raise SystemViewError("gone")
        return pb.TTLReply(TTL=ttl)

    async def asks(self) -> int:
        return (await self.question.answer()).TTL

    def let(self) -> None:
        self._ready.set()


async def under_way(asking: Coroutine[None, None, int]) -> asyncio.Task[int]:
    task = asyncio.create_task(asking)
    await asyncio.sleep(0)
    return task


async def test_who_comes_meanwhile_shares_the_next_asking() -> None:
    host = Host()
    first = await under_way(host.asks())
    host.ttl = 2
    others = [await under_way(host.asks()) for _ in range(5)]
    host.let()
    assert await first == 1
    assert await asyncio.gather(*others) == [2] * 5
    assert host.asked == 2


async def test_who_comes_later_is_answered_anew() -> None:
    host = Host()
    host.let()
    assert await host.asks() == 1
    host.ttl = 2
    assert await host.asks() == 2


async def test_a_failure_is_shared_and_not_kept() -> None:
    host = Host()
    host.broken = True
    asking = [await under_way(host.asks()) for _ in range(4)]
    host.let()
    failures = []
    for task in asking:
        with pytest.raises(SystemViewError, match="gone") as failed:
            await task
        failures.append(failed.value)
    assert host.asked == 2
    assert len(set(map(id, failures))) == 4  # none holds the frames of another's request
    host.broken = False
    assert await host.asks() == 1


async def test_who_goes_away_takes_no_answer_along() -> None:
    host = Host()
    first, second = await under_way(host.asks()), await under_way(host.asks())
    first.cancel()
    host.let()
    assert await second == 1
    assert first.cancelled()


async def test_an_answer_that_lasts_is_as_old_as_its_asking() -> None:
    host = Host(lasts=0.3)
    first = await under_way(host.asks())
    host.ttl = 2
    await asyncio.sleep(0.2)  # the host takes its time, and the answer tells of what was
    host.let()
    assert (await first, await host.asks(), host.asked) == (1, 1, 1)
    await asyncio.sleep(0.2)
    assert (await host.asks(), host.asked) == (2, 2)


async def test_a_failure_does_not_last() -> None:
    host = Host(lasts=60)
    host.broken = True
    host.let()
    with pytest.raises(SystemViewError, match="gone"):
        await host.asks()
    host.broken = False
    assert await host.asks() == 1
