"""The event loop's selector."""

import asyncio
import socket
import time

import pytest

from shim.process import selector as selectors
from shim.process.selector import ReadyFirst


def test_a_loop_that_is_busy_asks_every_fourth_time(monkeypatch: pytest.MonkeyPatch) -> None:
    here, there = socket.socketpair()
    with ReadyFirst() as selector, here, there:
        selector.register(here, 1)
        there.send(b"x")
        monkeypatch.setattr(selectors, "_STALE", 60.0)
        selector.select(None)
        assert [len(selector.select(0)) for _ in range(8)] == [0, 0, 0, 1, 0, 0, 0, 1]


def test_after_a_stall_it_asks_at_once() -> None:
    here, there = socket.socketpair()
    with ReadyFirst() as selector, here, there:
        selector.register(here, 1)
        there.send(b"x")
        for _ in range(3):
            assert len(selector.select(None)) == 1
            time.sleep(0.05)
            assert len(selector.select(0)) == 1


def test_a_loop_that_would_wait_asks_at_once() -> None:
    here, there = socket.socketpair()
    with ReadyFirst() as selector, here, there:
        selector.register(here, 1)
        there.send(b"x")
        selector.select(0)
        assert [len(selector.select(limit)) for limit in (None, 5.0, -1)] == [1, 1, 1]


async def _heard_while_busy() -> bytes:
    loop = asyncio.get_running_loop()
    here, there = socket.socketpair()
    with here, there:
        here.setblocking(False)
        loop.call_later(0.01, there.send, b"x")
        spinning = asyncio.ensure_future(_spin())
        try:
            async with asyncio.timeout(30):
                return await loop.sock_recv(here, 1)
        finally:
            spinning.cancel()


async def _spin() -> None:
    while True:  # noqa: ASYNC110 - it is to be busy
        await asyncio.sleep(0)


def test_sockets_and_timers_are_served_while_callbacks_never_end() -> None:
    loop = asyncio.SelectorEventLoop(ReadyFirst())
    try:
        assert loop.run_until_complete(_heard_while_busy()) == b"x"
    finally:
        loop.close()
