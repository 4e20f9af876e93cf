"""The proof that a cluster is the one that made a token: it holds the token's hash.

An id can be claimed by anyone, and a token is sent to no place that has not proved itself. What a
cluster holds is asked once for all who want to know at the same time, and remembered for a while:
an extract of a large cluster is megabytes.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING

from vault_plugin.tokens import hashed

if TYPE_CHECKING:
    from shim import Masked
    from vault_plugin.pachyderm.api import Api

REMEMBERED = 30.0  # seconds


class Proof:
    """What one cluster holds, by the admin token of its configuration."""

    def __init__(self) -> None:
        self._hashes: frozenset[bytes] = frozenset()
        self._asked = float("-inf")  # the monotonic clock's time of the answer
        self._asking: asyncio.Task[None] | None = None

    async def holds(self, api: Api, admin: Masked, token: Masked) -> bool:
        """Whether the cluster of `api` knows `token`, a robot's. Raises PachdError."""
        if time.monotonic() - self._asked > REMEMBERED:
            if self._asking is None:
                self._asking = asyncio.ensure_future(self._ask(api, admin))
                self._asking.add_done_callback(self._asked_all)
            await asyncio.shield(self._asking)  # the others wait on, should this one go
        return bytes.fromhex(hashed(token)) in self._hashes

    async def _ask(self, api: Api, admin: Masked) -> None:
        found = set()
        async for held in api.extract(admin):
            with contextlib.suppress(ValueError):  # no hash, whatever this pachd means by it
                found.add(bytes.fromhex(held.hash))
        self._hashes = frozenset(found)
        self._asked = time.monotonic()

    def _asked_all(self, asking: asyncio.Task[None]) -> None:
        self._asking = None
        if not asking.cancelled():
            asking.exception()  # looked at: all who waited may be gone
