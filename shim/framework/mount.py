"""A live mount: its backend, its way back to the host, and the leases that nobody took."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final

from shim.framework import wire
from shim.framework.errors import BackendError
from shim.framework.host import HostError

if TYPE_CHECKING:
    from shim.framework.backend import Backend
    from shim.framework.host import Host
    from shim.framework.requests import Lease, Request

log = logging.getLogger(__name__)

#: seconds that the end of a mount waits for what is being undone
_PATIENCE: Final = 5.0


class Mount:
    """What one multiplex id stands for."""

    def __init__(self, backend: Backend, host: Host) -> None:
        self.backend = backend
        self.host = host
        #: callers' requests whose handlers run, those that were given up included
        self.running = 0
        self._undoing: set[asyncio.Task[None]] = set()

    def untaken(self, request: Request, lease: Lease) -> None:
        """Have the backend end what `lease`, the answer to `request`, was given for.

        It does so in a task of its own.
        """
        task = asyncio.get_running_loop().create_task(self._undo(wire.revocation(request, lease)))
        self._undoing.add(task)
        task.add_done_callback(self._undoing.discard)

    async def _undo(self, request: Request) -> None:
        try:
            await self.backend.untaken(request)
        except Exception as error:
            # A message of an exception nobody foresaw may hold what was given out.
            told = isinstance(error, BackendError | HostError)
            log.warning(
                "a lease of an answer that reached nobody was not undone: %s",
                error if told else type(error).__name__,
            )

    async def end(self) -> None:
        """Close backend and connection, once what is being undone is done, or given up."""
        if self._undoing:
            _, late = await asyncio.wait(self._undoing, timeout=_PATIENCE)
            for task in late:
                task.cancel()
        try:
            await self.backend.close()
        finally:
            await self.host.close()
