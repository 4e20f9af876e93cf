"""The connection pool of pachd 2.x, small enough to deadlock as the real one does."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

POOL_SIZE = 10


class Database:
    """Ten connections. A call may need a second one while it holds its first.

    When ten calls hold their first connection at once nobody gets a second, and all hang until
    clients give up. ``round_trip`` (seconds a connection waits for Postgres) is how far apart
    calls may arrive and still meet: raise it to make the deadlock certain.
    """

    def __init__(self) -> None:
        self.round_trip = 0.001
        self.in_use = 0
        self._slots = asyncio.Semaphore(POOL_SIZE)

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[None]:
        async with self._slots:
            self.in_use += 1
            try:
                await asyncio.sleep(self.round_trip)
                yield
            finally:
                self.in_use -= 1
