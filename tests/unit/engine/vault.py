"""A host for one backend, in this process: its services over a real socket, and its requests."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from typing import TYPE_CHECKING, Any, Self

from shim import Backend, Fields, Host, Lease, Operation, Request, Response
from shim.framework.errors import READ_ONLY
from shim.framework.host import ReplicationState
from shim.grpc import Call, Channel, Method, Server
from shim.proto import backend_pb2 as pb
from shim.proto import logical_pb2 as logical
from tests.pachd import When
from tests.unit.engine import secrecy

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.unit.engine.crash import Crash
    from vault_plugin.mount import Mount

FOREVER = 3600.0  # seconds
NANOSECONDS = 1_000_000_000
MOUNT_POINT = "team/pachyderm/"
DOWN = "the storage is down"


class Vault:
    """Serves storage and system view on a socket in `directory`, and asks `backend`.

    `calls` counts what the backend asked of the host; `entries` is the mount's storage, `sealed`
    the keys that were written seal-wrapped. An answer of the host is `delay` seconds old when it
    arrives. `state` is the node's part in replication, `local` the mount's. `entities` are those
    of the identity store by id. `crash` is told of every step of a storage call (see `crash.py`).
    The call `silent` has its effect and is never answered; those that `fails` tells of fail.
    No error, warning or repr that comes out of the backend may show a token: every request is
    checked for it.
    """

    def __init__(self, backend: Backend, directory: Path) -> None:
        self.backend = backend
        self.entries: dict[str, bytes] = {}
        self.sealed: set[str] = set()
        self.calls: Counter[str] = Counter()
        self.default_ttl = self.max_ttl = 32 * 24 * 3600
        self.read_only = False
        self.state = ReplicationState.PERFORMANCE_PRIMARY
        self.local = False
        self.delay = 0.0
        self.entities: dict[str, logical.Entity] = {}
        self.crash: Crash | None = None
        self.silent = ""
        self.fails: Callable[[str], bool] = lambda _: False
        self._abandoned: list[Backend] = []
        self._socket = str(directory / "host")
        self._server = Server()
        for name, request, reply, handler in (
            ("Storage/Get", pb.StorageGetArgs, pb.StorageGetReply, self._get),
            ("Storage/Put", pb.StoragePutArgs, pb.StoragePutReply, self._put),
            ("Storage/Delete", pb.StorageDeleteArgs, pb.StorageDeleteReply, self._delete),
            ("Storage/List", pb.StorageListArgs, pb.StorageListReply, self._list),
            ("SystemView/DefaultLeaseTTL", pb.Empty, pb.TTLReply, self._default),
            ("SystemView/MaxLeaseTTL", pb.Empty, pb.TTLReply, self._max),
            ("SystemView/ReplicationState", pb.Empty, pb.ReplicationStateReply, self._state),
            ("SystemView/LocalMount", pb.Empty, pb.LocalMountReply, self._local),
            ("SystemView/EntityInfo", pb.EntityInfoArgs, pb.EntityInfoReply, self._entity),
        ):
            self._server.unary(
                Method(f"/pb.{name}", request, reply), self._counted(name, reply, handler)
            )

    async def __aenter__(self) -> Self:
        await self._server.listen_unix(self._socket)
        self.host = Host(Channel.unix(self._socket))
        return self

    async def __aexit__(self, *_: object) -> None:
        for backend in (*self._abandoned, self.backend):
            await backend.close()
        await self.host.close()
        await self._server.drain(1)

    def restart(self, backend: Backend) -> None:
        """Put a new plugin in the place of one that was killed."""
        for task in mount_of(self.backend).carried:
            task.cancel()
        self._abandoned.append(self.backend)
        self.backend = backend

    async def roll_back(self) -> None:
        """What the host asks once a minute, without waiting for entries to grow old."""
        await self.ask(Operation.ROLLBACK, "", immediate=True)

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

    async def write(self, path: str, **data: Any) -> Response:
        """Write as a client does: a create where the path says there is nothing yet."""
        exists = await self.backend.exists(self.request(Operation.UPDATE, path, data))
        operation = Operation.CREATE if exists is False else Operation.UPDATE
        return await self.ask(operation, path, **data)

    async def read(self, path: str) -> Response:
        return await self.ask(Operation.READ, path)

    async def ask(
        self, operation: str, path: str, /, *, entity_id: Any = "", **data: Any
    ) -> Response:
        request = self.request(operation, path, data)
        request.entity_id = entity_id
        return await self._dispatch(request)

    async def renew(self, lease: Lease, increment: int = 0, *, age: float = 0) -> Response:
        """Renew `lease`, which was issued `age` seconds ago."""
        return await self._lease(Operation.RENEW, lease, increment, age)

    async def revoke(self, lease: Lease) -> None:
        await self._lease(Operation.REVOKE, lease, 0, 0)

    async def not_taken(self, answer: Response) -> None:
        """Give up on a request whose answer, with its lease, is on its way."""
        request = self.request(Operation.UPDATE, "login/robot:any", {})
        request.lease = lease_of(answer)
        await self.backend.untaken(request)

    async def _lease(
        self, operation: Operation, lease: Lease, increment: int, age: float
    ) -> Response:
        request = self.request(operation, "login/robot:any", {})
        request.lease = Lease(
            type=lease.type,
            ttl=lease.ttl,
            max_ttl=lease.max_ttl,
            renewable=lease.renewable,
            increment=increment,
            issued=time.time() - age,
            internal=json.loads(json.dumps(lease.internal)),
        )
        return await self._dispatch(request)

    async def _dispatch(self, request: Request) -> Response:
        secrecy.check(repr(request))
        try:
            response = await self.backend.dispatch(request) or Response()
        except Exception as error:
            secrecy.check_error(error)
            raise
        secrecy.check(f"{response!r} {response.lease!r} {response.warnings!r}")
        return response

    def request(self, operation: str, path: str, data: dict[str, Any]) -> Request:
        return Request(
            operation=operation,
            path=path,
            data=json.loads(json.dumps(data)),
            storage=self.host.storage,
            system=self.host.system,
            fields=Fields({}, {}),
            mount_point=MOUNT_POINT,
        )

    def _counted(self, name: str, reply: Any, handler: Any) -> Any:
        async def counted(args: Any, call: Call) -> Any:
            del call
            self.calls[name] += 1
            crash = self.crash if name.startswith("Storage") else None
            if crash is not None and await crash.strikes_storage(name, When.BEFORE):
                return reply(err=DOWN)
            if self.fails(name):
                return reply(err=DOWN)
            answer = handler(args)
            if crash is not None and await crash.strikes_storage(name, When.AFTER):
                return reply(err=DOWN)
            await asyncio.sleep(FOREVER if name == self.silent else self.delay)
            return answer

        return counted

    def _get(self, args: pb.StorageGetArgs) -> pb.StorageGetReply:
        value = self.entries.get(args.key)
        if value is None:
            return pb.StorageGetReply()
        return pb.StorageGetReply(entry=pb.StorageEntry(key=args.key, value=value))

    def _put(self, args: pb.StoragePutArgs) -> pb.StoragePutReply:
        if self.read_only:
            return pb.StoragePutReply(err=READ_ONLY)
        self.entries[args.entry.key] = args.entry.value
        if args.entry.seal_wrap:
            self.sealed.add(args.entry.key)
        return pb.StoragePutReply()

    def _delete(self, args: pb.StorageDeleteArgs) -> pb.StorageDeleteReply:
        if self.read_only:
            return pb.StorageDeleteReply(err=READ_ONLY)
        self.entries.pop(args.key, None)
        return pb.StorageDeleteReply()

    def _list(self, args: pb.StorageListArgs) -> pb.StorageListReply:
        below = (k.removeprefix(args.prefix) for k in self.entries if k.startswith(args.prefix))
        return pb.StorageListReply(keys=sorted(below))

    def _entity(self, args: pb.EntityInfoArgs) -> pb.EntityInfoReply:
        return pb.EntityInfoReply(entity=self.entities.get(args.entity_id))

    def _default(self, args: pb.Empty) -> pb.TTLReply:
        del args
        return pb.TTLReply(TTL=self.default_ttl * NANOSECONDS)

    def _max(self, args: pb.Empty) -> pb.TTLReply:
        del args
        return pb.TTLReply(TTL=self.max_ttl * NANOSECONDS)

    def _state(self, args: pb.Empty) -> pb.ReplicationStateReply:
        del args
        return pb.ReplicationStateReply(state=self.state)

    def _local(self, args: pb.Empty) -> pb.LocalMountReply:
        del args
        return pb.LocalMountReply(local=self.local)


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


def granted(mount: Vault, renewed: Lease, increment: int = 0, *, age: float = 0) -> float:
    """What the host makes of a renewal: the increment wins over the TTL, the maxima over both."""
    longest = min(renewed.max_ttl or mount.max_ttl, mount.max_ttl)
    return min(increment or renewed.ttl, longest - age)


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
