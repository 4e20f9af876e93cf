"""The write-ahead log: what must be undone should the process die in the midst of a request.

An entry is written before the side effect and deleted as the last step before the answer. The
host calls for a rollback about every minute; entries older than the minimum age are then given
to the backend's rollback, and deleted once it succeeded. Entries live below ``wal/``, where
Vault's own framework keeps them; that prefix should be local and seal-wrapped.
"""

from __future__ import annotations

import json
import logging
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from shim.host import Storage
    from shim.requests import Request

PREFIX = "wal/"

log = logging.getLogger(__name__)

Undo = Callable[["Request", str, Mapping[str, Any]], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollback:
    """`undo(request, kind, data)` of entries at least `min_age` seconds old.

    `min_age` must be more than the longest time a request may take, or a rollback would undo a
    request still under way. `undo` raises to be called again at the next rollback.
    """

    undo: Undo
    min_age: int


async def put(storage: Storage, kind: str, data: Mapping[str, Any]) -> str:
    """Write an entry; gives its id. Raises what `Storage.put` raises."""
    entry = secrets.token_hex(16)
    value = {"kind": kind, "created": time.time(), "data": data}
    await storage.put(PREFIX + entry, json.dumps(value).encode(), seal_wrap=True)
    return entry


async def delete(storage: Storage, entry: str) -> None:
    """Forget an entry: what it announced is now known elsewhere, or undone."""
    await storage.delete(PREFIX + entry)


async def roll_back(request: Request, rollback: Rollback, *, immediate: bool = False) -> None:
    """Undo every entry that is old enough, or every one where `immediate`.

    An entry whose undo fails stays, and the others still have their turn.
    """
    for entry in await request.storage.list(PREFIX):
        stored = await request.storage.get(PREFIX + entry)
        if stored is None:
            continue
        record = json.loads(stored.value)
        if not immediate and time.time() - record["created"] < rollback.min_age:
            continue
        try:
            await rollback.undo(request, record["kind"], record["data"])
        except Exception as error:
            log.warning("rollback of a %s entry failed, kept: %s", record["kind"], error)
            continue
        await delete(request.storage, entry)
