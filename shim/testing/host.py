"""One mount of an engine, and what a host does to it."""

from __future__ import annotations

import asyncio
import json
import secrets
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Self, cast

from shim.framework import payload, wire
from shim.framework.host import Host
from shim.framework.requests import Operation, Response
from shim.proto import backend_pb2 as pb
from shim.testing import killing
from shim.testing.clock import Clock
from shim.testing.held import Held, NotRenewed
from shim.testing.services import Line, Services

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping

    from shim.framework.backend import Backend
    from shim.framework.requests import Lease, Request
    from shim.grpc import Channel

_UNLIMITED = float("inf")


@dataclass(kw_only=True)
class Caller:
    """Who asks: what of a client the host tells the plugin."""

    entity_id: str = ""
    display_name: str = "token"
    headers: Mapping[str, list[str]] = field(default_factory=dict)
    address: str = "127.0.0.1"
    port: int = 0
    accessor: str = ""
    authenticated: bool = True


class MemoryHost(Services):
    """A host with one mount, whose backend `factory` makes: as `shim.serve` takes it.

    Requests reach the backend as over a wire and answer as the host does, with a `Response`, an
    empty one where there is none; what a handler raises is raised, and `status_of` tells the HTTP
    status of it. `backend` is the one that runs. `caller` asks. `leases` are those alive, in the
    order they were given. `mount_point` is where it is mounted, `options` those of the mount.
    """

    def __init__(self, factory: Callable[[], Backend], *, mount_point: str = "memory/") -> None:
        super().__init__()
        self.clock = Clock()
        self.caller = Caller()
        self.mount_point = mount_point
        self.mount_type = mount_point.strip("/").rpartition("/")[2]
        self.leases: list[Held] = []
        self._factory = factory
        self.backend = factory()
        self._connect()

    def _connect(self) -> None:
        self._line = Line(self)
        self.host = Host(cast("Channel", self._line), moment=0.0)

    async def __aenter__(self) -> Self:
        await self.backend.initialize(self.host)
        return self

    async def __aexit__(self, *_: object) -> None:
        self.clock.close()
        await self.backend.close()

    # Requests

    async def read(self, path: str, /, **data: Any) -> Response:
        """Read `path`."""
        return await self.ask(Operation.READ, path, **data)

    async def write(self, path: str, /, **data: Any) -> Response:
        """Write as a client does: a create where the path says there is nothing yet."""
        exists = await self.backend.exists(self.request(Operation.UPDATE, path, data))
        return await self.ask(
            Operation.CREATE if exists is False else Operation.UPDATE, path, **data
        )

    async def patch(self, path: str, /, **data: Any) -> Response:
        """Patch `path`."""
        return await self.ask(Operation.PATCH, path, **data)

    async def delete(self, path: str, /, **data: Any) -> Response:
        """Delete `path`."""
        return await self.ask(Operation.DELETE, path, **data)

    async def list(self, path: str, /, **data: Any) -> list[str]:
        """The keys below `path`, none where the host answers 404."""
        answer = await self.ask(
            Operation.LIST, path if not path or path.endswith("/") else f"{path}/", **data
        )
        keys: list[str] = (answer.data or {}).get("keys", [])
        return keys

    async def help(self, path: str = "") -> str:
        """What ``vault path-help`` shows of `path`."""
        answer = await self.ask(Operation.HELP, path)
        text: str = (answer.data or {})["help"]
        return text

    async def ask(self, operation: str, path: str, /, **data: Any) -> Response:
        """Ask for `operation`; a lease in the answer is kept."""
        answer = await self.dispatch(self.request(operation, path, data))
        if answer.lease is not None:
            self._keep(path, answer.lease)
        return answer

    def request(self, operation: str, path: str, data: Mapping[str, Any]) -> Request:
        """What the backend is given."""
        return self._made(pb.Request(operation=operation, path=path, data=json.dumps(data)))

    # Leases

    async def renew(self, lease: Lease, increment: int = 0) -> Response:
        """Renew `lease` as an answer of this host gave it. Raises NotRenewed for the host itself.

        What the host grants is the `ttl` of its `held`.
        """
        held = self.held(lease)
        if not lease.renewable:
            raise NotRenewed("lease is not renewable")
        if held.ends <= self.clock.now():
            raise NotRenewed("lease expired")
        answer = await self.dispatch(self._of_lease(Operation.RENEW, held, increment))
        if answer.lease is None:
            return answer
        held.ttl = self._granted(answer.lease, increment, held.issued)
        held.ends = self.clock.now() + held.ttl
        answer.lease = held.lease = replace(answer.lease, increment=0)
        held.given.append(held.lease)
        return answer

    async def revoke(self, lease: Lease) -> None:
        """Revoke `lease`; it stays where the backend raises, as it does until the host succeeds."""
        held = self.held(lease)
        await self.dispatch(self._of_lease(Operation.REVOKE, held, 0))
        self.leases.remove(held)

    async def advance(self, seconds: float) -> None:
        """Let time pass: leases that end by then are revoked, in their order.

        Raises what the revocation of the first that fails raised; the others have had their turn.
        """
        self.clock.advance(seconds)
        failed: Exception | None = None
        for held in sorted(self.leases, key=lambda held: held.ends):
            if held.ends <= self.clock.now():
                try:
                    await self.revoke(held.lease)
                except Exception as error:
                    failed = failed or error
        if failed is not None:
            raise failed

    def held(self, lease: Lease) -> Held:
        """What the host keeps of `lease`. Raises LookupError where it does not, or no more."""
        for held in self.leases:
            if any(lease is given for given in held.given):
                return held
        raise LookupError(
            "no such lease: it was revoked, or this host never gave it; `hold` has it kept"
        )

    def hold(self, lease: Lease, path: str = "", *, age: float = 0) -> Lease:
        """Have the host keep `lease` since `age` seconds, renewed just now; gives it back.

        For one that an older version of the engine gave for `path`, for one that was revoked and
        whose revocation comes again, and to make one that the host keeps older than it is.
        """
        for held in self.leases:
            if any(lease is given for given in held.given):
                self.leases.remove(held)
                path = path or held.path
                break
        self._keep(path, lease, age)
        return lease

    async def not_taken(self, lease: Lease) -> None:
        """The client gave up: the answer with `lease` reached nobody, so no lease is kept."""
        held = self.held(lease)
        self.leases.remove(held)
        request = self._of_lease(Operation.REVOKE, held, 0)
        request.lease = lease
        await self.backend.untaken(request)

    # The process

    async def roll_back(self, *, immediate: bool = True) -> None:
        """What the host asks once a minute; `immediate`: without waiting for entries to age."""
        await self.ask(Operation.ROLLBACK, "", immediate=immediate)

    async def restart(self) -> None:
        """A new process after the old one's death: the storage is what is left."""
        self._line.dead = True
        self.backend = self._factory()
        self._connect()
        await self.backend.initialize(self.host)

    async def killed_at(self, step: int, work: Coroutine[Any, Any, object]) -> bool:
        """Run `work`, a request, and kill the plugin the `step`-th time that it waits.

        No `finally` runs and no call has an effect any more. Where it came to that, a new process
        serves, and this is True; False where `work` ended before.
        """
        before = asyncio.all_tasks()
        running = asyncio.ensure_future(killing.until(step, work))
        try:
            await running
        except killing.Killed:
            self._line.dead = True
            for task in asyncio.all_tasks() - before:
                task.cancel()
            await self.restart()
            return True
        return False

    def _made(self, sent: pb.Request) -> Request:
        caller = self.caller
        sent.mount_point = self.mount_point
        sent.mount_type = self.mount_type
        sent.entity_id = caller.entity_id
        sent.display_name = caller.display_name
        sent.client_token_accessor = caller.accessor
        sent.client_token = "salted" if caller.authenticated else ""
        sent.unauthenticated = not caller.authenticated
        sent.connection.remote_addr = caller.address
        sent.connection.remote_port = caller.port
        for name, values in caller.headers.items():
            sent.headers[name].header.extend(values)
        sent.id = secrets.token_hex(16)
        received = pb.Request.FromString(sent.SerializeToString())
        return wire.request(received, self.host, wire.body(received.data, _UNLIMITED))

    async def dispatch(self, request: Request) -> Response:
        """Give `request` to the backend: the answer, as a client would see it.

        For subclasses: every request goes through here.
        """
        answer = await self.backend.dispatch(request)
        if answer is None:
            return Response()
        sent = wire.reply(answer)
        if answer.data is not None:
            answer.data = payload.decode(sent.data)
        if answer.lease is not None:
            internal = payload.decode(sent.secret.internal_data)
            del internal["secret_type"]
            answer.lease = replace(answer.lease, internal=internal)
        return answer

    def _keep(self, path: str, lease: Lease, age: float = 0) -> None:
        now = self.clock.now()
        ttl = self._granted(lease, 0, now)
        held = Held(
            id=f"{self.mount_point}{path}/{secrets.token_hex(12)}",
            path=path,
            lease=lease,
            ttl=ttl,
            issued=now - age,
            ends=now + ttl,
            given=[lease],
        )
        self.leases.append(held)

    def _granted(self, lease: Lease, increment: float, issued: float) -> float:
        """As the host reckons: the increment wins over the TTL, the maxima over both."""
        longest = min(lease.max_ttl or self.max_ttl, self.max_ttl)
        left = issued + longest - self.clock.now()
        if left <= 0:
            raise NotRenewed("past the max TTL, cannot renew")
        return min(increment or lease.ttl or self.default_ttl, left)

    def _of_lease(self, operation: Operation, held: Held, increment: int) -> Request:
        request = self.request(operation, held.path, {})
        request.lease = replace(
            held.lease,
            ttl=int(held.ttl),
            increment=increment,
            issued=held.issued,
            internal=json.loads(json.dumps(dict(held.lease.internal))),
        )
        return request
