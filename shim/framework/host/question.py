"""A question to the host that many requests have at the same time."""

from __future__ import annotations

import asyncio
from time import monotonic
from typing import TYPE_CHECKING, Final, Generic

from shim.framework.host.errors import SystemViewError
from shim.grpc.method import Rep

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

#: seconds for which an answer is remembered where a moment does no harm: under load the next
#: request is there within milliseconds, and no command line starts as fast
MOMENT: Final = 0.05


class Question(Generic[Rep]):
    """One question without arguments. Who comes while it is being asked shares the next asking.

    So no answer is older than the request it is given to: what an operator has just tuned is seen.
    Or it is older by less than `lasts` seconds, counted from when it was asked.
    """

    def __init__(self, ask: Callable[[], Awaitable[Rep]], lasts: float = 0.0) -> None:
        self._ask = ask
        self._lasts = lasts
        self._lock = asyncio.Lock()
        self._came = 0  # requests so far
        self._known = 0  # how many of them had come when it was asked last
        self._until = 0.0  # the monotonic clock's time up to which the answer is remembered
        self._outcome: Rep | SystemViewError | None = None

    async def answer(self) -> Rep:
        """The answer, asked for from now on or just before. Raises SystemViewError."""
        self._came += 1
        mine = self._came
        if monotonic() >= self._until:
            async with self._lock:
                if self._known < mine and monotonic() >= self._until:
                    await self._ask_now()
        outcome = self._outcome
        if isinstance(outcome, SystemViewError):
            raise SystemViewError(str(outcome))
        assert outcome is not None  # noqa: S101  it was asked
        return outcome

    async def _ask_now(self) -> None:
        came, begun = self._came, monotonic()
        try:
            self._outcome = await self._ask()
            self._until = begun + self._lasts
        except SystemViewError as error:
            self._outcome = SystemViewError(str(error))  # without what its traceback holds
            self._until = 0.0
        self._known = came
