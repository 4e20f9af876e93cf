"""The proof that a cluster is the one that made a token: it holds the token's hash.

An id can be claimed by anyone, and a token is sent to no place that has not proved itself. What a
cluster holds is asked once for all who want to know at the same time, and remembered for a while:
an extract of a large cluster is megabytes.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import time
from typing import TYPE_CHECKING

from vault_plugin.shared import Shared
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
        self._asking: Shared[None] = Shared()

    async def holds(self, api: Api, admin: Masked, token: Masked) -> bool:
        """Whether the cluster of `api` knows `token`, a robot's. Raises PachdError."""
        if time.monotonic() - self._asked > REMEMBERED:
            await self._asking.wait(functools.partial(self._ask, api, admin))
        return bytes.fromhex(hashed(token)) in self._hashes

    async def _ask(self, api: Api, admin: Masked) -> None:
        found = set()
        async for held in api.extract(admin):
            with contextlib.suppress(ValueError):  # no hash, whatever this pachd means by it
                found.add(bytes.fromhex(held.hash))
        self._hashes = frozenset(found)
        self._asked = time.monotonic()
        asyncio.get_running_loop().call_later(REMEMBERED, self._forget)

    def _forget(self) -> None:
        """Keep no megabytes of it."""
        if time.monotonic() - self._asked >= REMEMBERED:
            self._hashes = frozenset()
