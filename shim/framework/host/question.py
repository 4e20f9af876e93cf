"""A question to the host that many requests have at the same time."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Generic

from shim.framework.host.errors import SystemViewError
from shim.grpc.method import Rep

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


class Question(Generic[Rep]):
    """One question without arguments. Who comes while it is being asked shares the next asking.

    So no answer is older than the request it is given to: what an operator has just tuned is seen.
    """

    def __init__(self, ask: Callable[[], Awaitable[Rep]]) -> None:
        self._ask = ask
        self._lock = asyncio.Lock()
        self._came = 0  # requests so far
        self._known = 0  # how many of them had come when it was asked last
        self._outcome: Rep | SystemViewError | None = None

    async def answer(self) -> Rep:
        """The answer, asked for from now on. Raises SystemViewError."""
        self._came += 1
        mine = self._came
        async with self._lock:
            outcome = self._outcome
            if outcome is None or self._known < mine:
                came = self._came
                try:
                    outcome = await self._ask()
                except SystemViewError as error:
                    outcome = SystemViewError(str(error))  # without what its traceback holds
                self._known, self._outcome = came, outcome
        if isinstance(outcome, SystemViewError):
            raise SystemViewError(str(outcome))
        return outcome
