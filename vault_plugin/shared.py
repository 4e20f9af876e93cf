"""Work whose outcome many wait for, and that is done once for all of them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

T = TypeVar("T")


class Shared(Generic[T]):
    """Who comes while it is being done waits for the same outcome, and may go without harm."""

    def __init__(self) -> None:
        self._task: asyncio.Task[T] | None = None

    async def wait(self, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """The outcome of `work`, begun now unless it is under way. Raises what that raises."""
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(work())
            self._task.add_done_callback(self._over)
        return await asyncio.shield(self._task)

    def _over(self, task: asyncio.Task[T]) -> None:
        self._task = None
        if not task.cancelled():
            task.exception()  # looked at: all who waited may be gone
