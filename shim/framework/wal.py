"""The write-ahead log: what must be undone should the process die in the midst of a request.

An entry is written before the side effect and deleted once that is known elsewhere. Where the
answer itself is what makes it known, and nobody can tell whether an answer arrived, the entry is
written over as the last step before it, with an age by which the host has shown that it did. The
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
from typing import TYPE_CHECKING, Any

from shim.framework.errors import BackendError
from shim.framework.host import HostError

if TYPE_CHECKING:
    from shim.framework.host import Storage
    from shim.framework.requests import Request

PREFIX = "wal/"

log = logging.getLogger(__name__)

Undo = Callable[["Request", str, Mapping[str, Any]], Awaitable[None]]


async def put(
    storage: Storage, kind: str, data: Mapping[str, Any], *, min_age: float, entry: str = ""
) -> str:
    """Write an entry, or write over `entry`; gives its id. Raises what `Storage.put` raises.

    `min_age` is how many seconds from now to leave the entry alone: more than the request may
    take, or a rollback would undo what is still under way.
    """
    entry = entry or secrets.token_hex(12)  # the host logs it: not as long as a token may be
    value = {"kind": kind, "created": time.time(), "min_age": min_age, "data": data}
    await storage.put(PREFIX + entry, json.dumps(value).encode(), seal_wrap=True)
    return entry


async def delete(storage: Storage, entry: str) -> None:
    """Forget an entry: what it announced is now known elsewhere, or undone."""
    await storage.delete(PREFIX + entry)


async def roll_back(
    request: Request, undo: Undo, young: dict[str, float], *, immediate: bool = False
) -> None:
    """Undo every entry that is old enough, or every one where `immediate`.

    `undo(request, kind, data)` raises to be called again at the next rollback; its entry stays,
    and the others have their turn before it: the host gives a rollback a minute and a half, which
    a few that hang would use up each time. `young` is kept from one rollback to the next: by entry,
    until when (Unix seconds) it need not be read again, or when it was tried last.
    """
    entries = await request.storage.list(PREFIX)
    for entry in young.keys() - set(entries):
        del young[entry]
    for entry in sorted(entries, key=lambda entry: young.get(entry, 0.0)):
        if not immediate and time.time() < young.get(entry, 0.0):
            continue
        stored = await request.storage.get(PREFIX + entry)
        if stored is None:
            continue
        try:
            record = json.loads(stored.value)
            due = record["created"] + record["min_age"]
            if not immediate and time.time() < due:
                young[entry] = due
                continue
            young[entry] = time.time()
            # A node that was active before it was suspended may still read what another deleted
            # since, for a renewal say. It finds that it may not write before it undoes anything.
            await request.storage.put(PREFIX + entry, stored.value, seal_wrap=True)
            await undo(request, record["kind"], record["data"])
        except Exception as error:
            # The text of an error that nobody foresaw may hold what the entry does: a token.
            foreseen = isinstance(error, BackendError | HostError)
            shown = str(error) if foreseen else type(error).__name__
            log.warning("rollback of the entry %s failed, kept: %s", entry, shown)
            continue
        await delete(request.storage, entry)
