"""The form for asyncio."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING

import pytest

from pachyderm_vault import AsyncTokenSource, UnreachableError
from tests.unit.client.vault import LOGIN, refused

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.unit.client.vault import Vault


@pytest.fixture
def silent(host: Vault) -> Iterator[threading.Event]:
    """Until it is set, logins are not answered."""
    event, log_in = threading.Event(), host.answers[LOGIN]
    host.answers[LOGIN] = lambda body: log_in(body) if event.wait(20) else refused(500)
    yield event
    event.set()


def source(host: Vault) -> AsyncTokenSource:
    return AsyncTokenSource(LOGIN, host.client("vault"))


async def test_each_waits_as_long_as_it_wants(host: Vault, silent: threading.Event) -> None:
    async with source(host) as one:
        patient = asyncio.create_task(one.token(timeout=20))
        await asyncio.sleep(0.05)
        with pytest.raises(UnreachableError):
            await asyncio.wait_for(one.token(timeout=0.05), 10)
        silent.set()
        assert await patient == "token-1"
        assert host.asked[LOGIN] == 1


async def test_anothers_impatience_is_not_ours(host: Vault) -> None:
    host.answers[LOGIN], log_in = (lambda _: refused(503)), host.answers[LOGIN]
    async with source(host) as one:
        hasty = asyncio.create_task(one.token(timeout=0.1))
        await asyncio.sleep(0.01)
        patient = asyncio.create_task(one.token(timeout=20))
        with pytest.raises(UnreachableError):
            await hasty
        host.answers[LOGIN] = log_in
        assert (await patient).startswith("token-")
