"""The host in memory, with what the tests of this engine ask of it."""

from __future__ import annotations

import asyncio
import json
import time
from typing import TYPE_CHECKING, Any

from shim.testing import DOWN, MemoryHost
from tests.pachd import When
from tests.unit.engine import secrecy

if TYPE_CHECKING:
    from collections.abc import Callable

    from shim import Backend, Lease, Request, Response
    from tests.unit.engine.crash import Crash
    from vault_plugin.mount import Mount

MOUNT_POINT = "team/pachyderm/"


class Vault(MemoryHost):
    """A mount of `backend`, which is restarted where a plugin would die.

    `crash` is told of every step of a storage call (see `crash.py`). No error, warning or repr
    that comes out of the backend may show a token: every request is checked for it.
    """

    def __init__(self, backend: Backend) -> None:
        super().__init__(lambda: backend, mount_point=MOUNT_POINT)
        self.crash: Crash | None = None
        self._abandoned: list[Backend] = []

    async def __aexit__(self, *raised: object) -> None:
        for backend in self._abandoned:
            await backend.close()
        await super().__aexit__(*raised)

    def replace(self, backend: Backend) -> None:
        """Put a new plugin in the place of one that was killed."""
        for task in mount_of(self.backend).carried:
            task.cancel()
        self._abandoned.append(self.backend)
        self.backend = backend

    async def refusal(self, name: str, *, done: bool) -> str:
        """What the storage refuses, the crash among it."""
        when = When.AFTER if done else When.BEFORE
        crash = self.crash if name.startswith("Storage") else None
        if crash is not None and await crash.strikes_storage(name, when):
            return DOWN
        return await super().refusal(name, done=done)

    def background(self) -> list[asyncio.Task[None]]:
        """What the engine's mount does beside the requests."""
        return [t for t in asyncio.all_tasks() if "_take_back" in repr(t.get_coro())]

    @property
    def log_entries(self) -> list[str]:
        """The keys of the write-ahead log, but for those of tokens given out."""
        return self._log("mint")

    @property
    def given_entries(self) -> list[str]:
        """The keys of the log's entries of tokens given out, whose leases have not shown yet."""
        return self._log("given")

    @property
    def admin_entries(self) -> list[str]:
        """The keys of the log's entries of admin tokens that the engine is to end."""
        return self._log("admin")

    def _log(self, kind: str) -> list[str]:
        logged = {key: value for key, value in self.entries.items() if key.startswith("wal/")}
        return [key for key, value in logged.items() if json.loads(value)["kind"] == kind]

    def age_log(self, seconds: float) -> None:
        """Make every entry of the log as old as if it had been written `seconds` before."""
        for key in [*self.log_entries, *self.given_entries]:
            entry = json.loads(self.entries[key])
            aged = {**entry, "created": entry["created"] - seconds}
            self.entries[key] = json.dumps(aged).encode()

    async def ask(
        self, operation: str, path: str, /, *, entity_id: Any = "", **data: Any
    ) -> Response:
        """Ask as the entity."""
        self.caller.entity_id = entity_id
        return await super().ask(operation, path, **data)

    async def dispatch(self, request: Request) -> Response:
        """Look for tokens in the request and in what comes of it."""
        secrecy.check(repr(request))
        try:
            response = await super().dispatch(request)
        except Exception as error:
            secrecy.check_error(error)
            raise
        secrecy.check(f"{response!r} {response.lease!r} {response.warnings!r}")
        return response


def mount_of(backend: Backend) -> Mount:
    """What the paths of `backend` share."""
    mount: Mount = backend.close.__self__  # type: ignore[attr-defined]
    return mount


def lease_of(response: Response) -> Lease:
    assert response.lease is not None
    return response.lease


def token_of(response: Response) -> str:
    """The token a login answered with."""
    assert response.data is not None
    token: str = response.data["user_token"]
    return token


async def settle() -> None:
    """Let the loop take note of what its sockets have to tell."""
    for _ in range(10):
        await asyncio.sleep(0)


async def eventually(condition: Callable[[], bool], within: float = 10) -> None:
    """Wait until `condition` holds; fail when it does not `within` seconds."""
    end = time.monotonic() + within
    while not condition():
        assert time.monotonic() < end, "it never came true"
        await asyncio.sleep(0.01)
