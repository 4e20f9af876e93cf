"""``pb.Backend`` on the wire: one backend instance per mount, told apart by multiplex id."""

from __future__ import annotations

import asyncio
import dataclasses
import functools
import logging
import math
from typing import TYPE_CHECKING, Any

from shim.framework import opening, wire
from shim.framework.declared import told
from shim.framework.errors import CodedError, UserError
from shim.framework.host import Host
from shim.framework.mount import Mount
from shim.framework.requests import Operation, Response
from shim.grpc import Call, Method, RpcError, Server, Status
from shim.proto import backend_pb2 as pb
from shim.services.multiplexing import MULTIPLEX_ID

if TYPE_CHECKING:
    from collections.abc import Callable

    from google.protobuf.message import Message

    from shim.framework.backend import Backend
    from shim.services import Broker

log = logging.getLogger(__name__)

SINGLE = "single"  # the id of the only instance when the host does not multiplex
SECRETS_ENGINE = 1  # pb.TypeReply.type
#: bytes of JSON that a caller may send; what the host asks of its own accord has no limit
LONGEST_BODY = 1 << 20
#: callers' requests of one mount that run at once: those of one that hangs leave room for others
MOST_RUNNING = 4_096
_TOO_MANY = CodedError(429, "too many requests of this mount are under way: try again later")
_OF_A_LEASE = (Operation.RENEW, Operation.REVOKE)  # asked for a lease that the host has
_OF_THE_HOST = (*_OF_A_LEASE, Operation.ROLLBACK)  # what no caller can ask, nor do without


class BackendServicer:
    """Answers ``pb.Backend`` for every mount of the process.

    `factory` makes the backend of a new mount. Setup touches neither storage nor system view:
    the host may call it only to learn the type and version, with neither behind it. In
    `metadata_mode` that is all it may do.
    """

    def __init__(
        self,
        factory: Callable[[], Backend],
        broker: Broker,
        *,
        version: str = "0",
        metadata_mode: bool = False,
    ) -> None:
        self._factory = factory
        self._broker = broker
        self._version = version
        self._metadata_mode = metadata_mode
        self._mounts: dict[str, Mount] = {}

    def register(self, server: Server) -> None:
        """Put the methods of ``pb.Backend`` on `server`."""
        server.unary(
            Method("/pb.Backend/HandleRequest", pb.HandleRequestArgs, pb.HandleRequestReply),
            self.handle_request,
            self.resolve_path,
            self.refuse_long,
        )
        server.unary(
            Method(
                "/pb.Backend/HandleExistenceCheck",
                pb.HandleExistenceCheckArgs,
                pb.HandleExistenceCheckReply,
            ),
            self.handle_existence_check,
            self.tell_no_existence,
            self.tell_no_existence_of_long,
        )
        methods: list[tuple[str, type[Message], type[Message], Any]] = [
            ("Setup", pb.SetupArgs, pb.SetupReply, self.setup),
            ("Initialize", pb.InitializeArgs, pb.InitializeReply, self.initialize),
            ("Type", pb.Empty, pb.TypeReply, self.type),
            ("SpecialPaths", pb.Empty, pb.SpecialPathsReply, self.special_paths),
            ("InvalidateKey", pb.InvalidateKeyArgs, pb.Empty, self.invalidate_key),
            ("Cleanup", pb.Empty, pb.Empty, self.cleanup),
        ]
        for name, request, reply, handler in methods:
            server.unary(Method(f"/pb.Backend/{name}", request, reply), handler)

    async def setup(self, args: pb.SetupArgs, call: Call) -> pb.SetupReply:
        """Make the mount's backend; an id that exists is replaced. Failure is text, not status."""
        mount_id = _mount_id(call)
        try:
            backend = self._factory()
        except Exception as error:  # no request's secret is in it yet
            said = f"the engine cannot be made: {told(error)}"
            log.exception("%s", said)
            return pb.SetupReply(err=said)
        backend.version = self._version
        try:
            channel = await self._broker.dial(args.broker_id)
        except (TimeoutError, OSError, RpcError) as error:
            return pb.SetupReply(err=f"cannot reach the host's services: {error}")
        replaced = self._mounts.get(mount_id)
        self._mounts[mount_id] = Mount(backend, Host(channel))
        if replaced is not None:
            await replaced.end()
        return pb.SetupReply()

    async def initialize(self, args: pb.InitializeArgs, call: Call) -> pb.InitializeReply:
        """Let the backend use its storage for the first time."""
        del args
        mount = self._serving(call)
        try:
            await mount.backend.initialize(mount.host)
        except Exception as error:
            return pb.InitializeReply(err=wire.fault(error))
        return pb.InitializeReply()

    async def type(self, args: pb.Empty, call: Call) -> pb.TypeReply:
        """Say that this is a secrets engine."""
        del args
        self._mount(call)
        return pb.TypeReply(type=SECRETS_ENGINE)

    async def special_paths(self, args: pb.Empty, call: Call) -> pb.SpecialPathsReply:
        """Name the paths the host treats apart."""
        del args
        special = self._mount(call).backend.special
        return pb.SpecialPathsReply(
            paths=pb.Paths(
                **{part.name: getattr(special, part.name) for part in dataclasses.fields(special)}
            )
        )

    async def invalidate_key(self, args: pb.InvalidateKeyArgs, call: Call) -> pb.Empty:
        """Drop what is cached of a key that another node changed."""
        await self._serving(call).backend.invalidate(args.key)
        return pb.Empty()

    async def cleanup(self, args: pb.Empty, call: Call) -> pb.Empty:
        """End the mount and its connection to the host; the others live on."""
        del args
        mount = self._mounts.pop(_mount_id(call), None)
        if mount is not None:
            await mount.end()
        return pb.Empty()

    def resolve_path(self, args: pb.HandleRequestArgs, call: Call) -> pb.HandleRequestReply | None:
        """Answer what OpenBao asks before every client request, by its path unchanged."""
        if args.request.operation != Operation.RESOLVE_PATH:
            return None
        self._serving(call)
        return _resolved(args.request.path)

    def tell_no_existence(
        self, args: pb.HandleExistenceCheckArgs, call: Call
    ) -> pb.HandleExistenceCheckReply | None:
        """Answer for a path that does not tell whether a write creates or updates."""
        if self._serving(call).backend.tells_existence(args.request.path):
            return None
        return pb.HandleExistenceCheckReply()

    def refuse_long(self, head: bytes, call: Call) -> pb.HandleRequestReply | None:
        """Answer by its beginning a caller's request whose body is too large to be taken."""
        begun = opening.read(head)
        if begun is None or begun.size <= LONGEST_BODY or begun.operation in _OF_THE_HOST:
            return None
        self._serving(call)
        if begun.operation == Operation.RESOLVE_PATH:
            return _resolved(begun.path)
        return pb.HandleRequestReply(err=wire.fault(wire.too_large(LONGEST_BODY)))

    def tell_no_existence_of_long(
        self, head: bytes, call: Call
    ) -> pb.HandleExistenceCheckReply | None:
        """Answer what is asked of a body too large to be taken: the write itself is refused."""
        begun = opening.read(head)
        if begun is None or begun.size <= LONGEST_BODY:
            return None
        self._serving(call)
        return pb.HandleExistenceCheckReply()

    async def handle_request(self, args: pb.HandleRequestArgs, call: Call) -> pb.HandleRequestReply:
        """Answer one request; every error becomes part of the reply."""
        mount = self._serving(call)
        sent = args.request
        of_the_host = sent.operation in _OF_THE_HOST
        if not of_the_host and mount.running == MOST_RUNNING:
            return pb.HandleRequestReply(err=wire.fault(_TOO_MANY))
        mount.running += not of_the_host
        try:
            longest = math.inf if of_the_host else LONGEST_BODY
            request = None
            request = wire.request(sent, mount.host, wire.body(sent.data, longest))
            response = await mount.backend.dispatch(request)
            if response is None:
                return pb.HandleRequestReply()
            if response.lease is not None and request.operation not in _OF_A_LEASE:
                call.on_untaken = functools.partial(mount.untaken, request, response.lease)
            return pb.HandleRequestReply(response=wire.reply(response))
        except UserError as error:
            refusal = Response(data={"error": str(error)})
            return pb.HandleRequestReply(response=wire.reply(refusal))
        except Exception as error:
            call.untaken()  # a lease that was given, and that no JSON can tell
            by = mount.backend.handler_name(request) if request is not None else ""
            return pb.HandleRequestReply(err=wire.fault(error, by))
        finally:
            mount.running -= not of_the_host

    async def handle_existence_check(
        self, args: pb.HandleExistenceCheckArgs, call: Call
    ) -> pb.HandleExistenceCheckReply:
        """Say whether a write creates or updates; an unknown path is told by the write itself."""
        mount = self._serving(call)
        try:
            # Without the body: what is written tells nothing of what there is.
            exists = await mount.backend.exists(wire.request(args.request, mount.host, {}))
        except UserError:  # the write that follows says it better
            return pb.HandleExistenceCheckReply()
        except Exception as error:
            return pb.HandleExistenceCheckReply(err=wire.fault(error))
        return pb.HandleExistenceCheckReply(check_found=exists is not None, exists=bool(exists))

    async def close(self) -> None:
        """End every mount: the process is going."""
        mounts, self._mounts = self._mounts, {}
        await asyncio.gather(*(mount.end() for mount in mounts.values()))

    def _serving(self, call: Call) -> Mount:
        """The mount of a call that does work."""
        if self._metadata_mode:
            raise RpcError(Status.UNKNOWN, "not served in metadata mode")
        return self._mount(call)

    def _mount(self, call: Call) -> Mount:
        mount = self._mounts.get(_mount_id(call))
        if mount is None:
            raise RpcError(Status.UNKNOWN, "no backend instance found")
        return mount


def _resolved(path: str) -> pb.HandleRequestReply:
    return pb.HandleRequestReply(response=wire.reply(Response(data={"path": path})))


def _mount_id(call: Call) -> str:
    ids = call.values(MULTIPLEX_ID)
    if not ids:
        return SINGLE
    if len(ids) > 1 or not ids[0]:
        raise RpcError(Status.INVALID_ARGUMENT, f"expected one {MULTIPLEX_ID}, got {len(ids)}")
    return ids[0]
