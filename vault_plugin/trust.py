"""Bundles of certificate authorities, each stored once, by its hash.

A lease outlives the configuration it was made by, and must find its cluster again. A bundle may
be a quarter of a megabyte, so leases and log entries name it by its hash alone. One that config
no longer names is kept for as long as a lease that names it can last, for leases cannot be
counted: the longest life that the mount has given since, and a day for what is tried after that.
"""

from __future__ import annotations

import hashlib
import json
import time
from typing import TYPE_CHECKING

from shim import BackendError, wal

if TYPE_CHECKING:
    from shim import Storage

PREFIX = "trust/"
GIVEN_UP = 24 * 3600  # seconds after its end from which a token needs nobody's word


def name_of(bundle: str) -> str:
    """What leases call `bundle`: SHA-256 in lower-case hex; empty for the system's trust."""
    return hashlib.sha256(bundle.encode()).hexdigest() if bundle else ""


async def keep(storage: Storage, bundle: str) -> None:
    """Have `bundle` stored, before anything names it. Raises StorageError."""
    if bundle and await storage.get(PREFIX + name_of(bundle)) is None:
        await _store(storage, name_of(bundle), bundle, None)


async def find(storage: Storage, name: str) -> str:
    """The bundle called `name`. Raises StorageError, BackendError where it is not stored."""
    if not name:
        return ""
    entry = await storage.get(PREFIX + name)
    if entry is None:
        raise BackendError("the ca_cert that it was made with is not stored any more")
    bundle: str = json.loads(entry.value)["bundle"]
    return bundle


async def sweep(storage: Storage, named: str, longest: int) -> None:
    """Drop the bundles that nothing can name any more.

    `named` is the one that config names, `longest` the mount's maximum TTL in seconds. Called
    about once a minute. Raises StorageError.
    """
    now = time.time()
    for name in await storage.list(PREFIX):
        entry = await storage.get(PREFIX + name)
        if entry is None:
            continue
        stored = json.loads(entry.value)
        until = stored["until"]
        if name == named:
            if until is not None:
                await _store(storage, name, stored["bundle"], None)
        elif until is None or until < (stored["left"] + longest + GIVEN_UP):
            left = now if until is None else stored["left"]
            await _store(storage, name, stored["bundle"], left, left + longest + GIVEN_UP)
        elif until < now and not await _logged(storage, name):
            await storage.delete(PREFIX + name)


async def _logged(storage: Storage, name: str) -> bool:
    """Whether an entry of the log names it: of a cluster that has not answered for long."""
    for entry in await storage.list(wal.PREFIX):
        stored = await storage.get(wal.PREFIX + entry)
        if stored is not None and name.encode() in stored.value:
            return True
    return False


async def _store(
    storage: Storage, name: str, bundle: str, left: float | None, until: float | None = None
) -> None:
    """`left` is when config ceased to name it, `until` till when it stays; Unix seconds."""
    value = {"bundle": bundle, "left": left, "until": until}
    await storage.put(PREFIX + name, json.dumps(value).encode())
