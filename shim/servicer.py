"""``pb.Backend`` on the wire: one backend instance per mount, told apart by multiplex id."""

from __future__ import annotations

import asyncio
import functools
import logging
from typing import TYPE_CHECKING, Any

from shim import payload
from shim.errors import BackendError, ErrorType, UserError
from shim.fields import Fields
from shim.grpc import Call, Method, RpcError, Server, Status
from shim.host import Host, HostError
from shim.mount import Mount
from shim.proto import backend_pb2 as pb
from shim.requests import Lease, Operation, Request, Response

if TYPE_CHECKING:
    from collections.abc import Callable

    from google.protobuf.message import Message

    from shim.backend import Backend
    from shim.services import Broker

log = logging.getLogger(__name__)

MULTIPLEX_ID = "multiplex_id"  # the metadata key on every pb.Backend call
SINGLE = "single"  # the id of the only instance when the host does not multiplex
SECRETS_ENGINE = 1  # pb.TypeReply.type
GO_ZERO_TIME = -62135596800  # Unix seconds of Go's zero time; a Timestamp must be there
NANOSECONDS = 1_000_000_000
_OF_A_LEASE = (Operation.RENEW, Operation.REVOKE)  # asked for a lease that the host has
_NO_FIELDS = Fields({}, {})


class BackendServicer:
    """Answers ``pb.Backend`` for every mount of the process.

    `factory` makes the backend of a new mount. Setup touches neither storage nor system view:
    the host may call it only to learn the type and version, with neither behind it. In
    `metadata_mode` that is all it may do.
    """

    def __init__(
        self, factory: Callable[[], Backend], broker: Broker, *, metadata_mode: bool = False
    ) -> None:
        self._factory = factory
        self._broker = broker
        self._metadata_mode = metadata_mode
        self._mounts: dict[str, Mount] = {}

    def register(self, server: Server) -> None:
        """Put the methods of ``pb.Backend`` on `server`."""
        server.unary(
            Method("/pb.Backend/HandleRequest", pb.HandleRequestArgs, pb.HandleRequestReply),
            self.handle_request,
            self.resolve_path,
        )
        server.unary(
            Method(
                "/pb.Backend/HandleExistenceCheck",
                pb.HandleExistenceCheckArgs,
                pb.HandleExistenceCheckReply,
            ),
            self.handle_existence_check,
            self.tell_no_existence,
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
            channel = await self._broker.dial(args.broker_id)
        except (TimeoutError, OSError, RpcError) as error:
            return pb.SetupReply(err=f"cannot reach the host's services: {error}")
        replaced = self._mounts.get(mount_id)
        self._mounts[mount_id] = Mount(self._factory(), Host(channel))
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
            return pb.InitializeReply(err=_error(error))
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
                root=special.root,
                unauthenticated=special.unauthenticated,
                local_storage=special.local_storage,
                seal_wrap_storage=special.seal_wrap_storage,
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
        return pb.HandleRequestReply(response=_response(Response(data={"path": args.request.path})))

    def tell_no_existence(
        self, args: pb.HandleExistenceCheckArgs, call: Call
    ) -> pb.HandleExistenceCheckReply | None:
        """Answer for a path that does not tell whether a write creates or updates."""
        if self._serving(call).backend.tells_existence(args.request.path):
            return None
        return pb.HandleExistenceCheckReply()

    async def handle_request(self, args: pb.HandleRequestArgs, call: Call) -> pb.HandleRequestReply:
        """Answer one request; every error becomes part of the reply."""
        mount = self._serving(call)
        try:
            request = _request(args.request, mount.host)
            response = await mount.backend.dispatch(request)
            if response is None:
                return pb.HandleRequestReply()
            if response.lease is not None and request.operation not in _OF_A_LEASE:
                untaken = _revocation(request, response.lease)
                call.on_untaken = functools.partial(mount.untaken, untaken)
            return pb.HandleRequestReply(response=_response(response))
        except UserError as error:
            refusal = Response(data={"error": str(error)})
            return pb.HandleRequestReply(response=_response(refusal))
        except Exception as error:
            call.untaken()  # a lease that was given, and that no JSON can tell
            return pb.HandleRequestReply(err=_error(error))

    async def handle_existence_check(
        self, args: pb.HandleExistenceCheckArgs, call: Call
    ) -> pb.HandleExistenceCheckReply:
        """Say whether a write creates or updates; an unknown path is told by the write itself."""
        mount = self._serving(call)
        try:
            exists = await mount.backend.exists(_request(args.request, mount.host))
        except UserError:  # the write that follows says it better
            return pb.HandleExistenceCheckReply()
        except Exception as error:
            return pb.HandleExistenceCheckReply(err=_error(error))
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


def _mount_id(call: Call) -> str:
    ids = call.values(MULTIPLEX_ID)
    if not ids:
        return SINGLE
    if len(ids) > 1 or not ids[0]:
        raise RpcError(Status.INVALID_ARGUMENT, f"expected one {MULTIPLEX_ID}, got {len(ids)}")
    return ids[0]


def _request(sent: pb.Request, host: Host) -> Request:
    return Request(
        operation=sent.operation,
        path=sent.path,
        storage=host.storage,
        system=host.system,
        data=_body(sent),
        fields=_NO_FIELDS,
        lease=_lease(sent.secret) if sent.HasField("secret") else None,
        entity_id=sent.entity_id,
        display_name=sent.display_name,
        mount_point=sent.mount_point,
    )


def _revocation(request: Request, lease: Lease) -> Request:
    """What the host would ask, had it taken the `lease` that answers `request`."""
    return Request(
        operation=Operation.REVOKE,
        path=request.path,
        storage=request.storage,
        system=request.system,
        fields=_NO_FIELDS,
        lease=lease,
        entity_id=request.entity_id,
        display_name=request.display_name,
        mount_point=request.mount_point,
    )


def _body(sent: pb.Request) -> dict[str, Any]:
    try:
        return payload.decode(sent.data)
    except ValueError as error:
        raise UserError(f"invalid request body: {error}") from None


def _lease(sent: pb.Secret) -> Lease:
    try:
        internal = payload.decode(sent.internal_data)
    except ValueError as error:
        raise BackendError(f"the lease's internal data cannot be read: {error}") from None
    options = sent.lease_options
    return Lease(
        type=str(internal.pop("secret_type", "")),
        ttl=options.TTL // NANOSECONDS,
        max_ttl=options.MaxTTL // NANOSECONDS,
        renewable=options.renewable,
        increment=options.increment // NANOSECONDS,
        issued=options.issue_time.seconds + options.issue_time.nanos / NANOSECONDS,
        internal=internal,
    )


def _response(response: Response) -> pb.Response:
    reply = pb.Response(data=payload.encode(response.data), warnings=response.warnings)
    lease = response.lease
    if lease is not None:
        options = reply.secret.lease_options
        options.TTL = lease.ttl * NANOSECONDS
        options.MaxTTL = lease.max_ttl * NANOSECONDS
        options.renewable = lease.renewable
        options.issue_time.seconds = GO_ZERO_TIME
        reply.secret.internal_data = payload.encode({**lease.internal, "secret_type": lease.type})
    return reply


def _error(error: Exception) -> pb.ProtoError:
    """The error on the wire. What nobody foresaw is logged by its type alone.

    A message of an exception nobody foresaw may hold what was sent, a token among it.
    """
    if isinstance(error, BackendError):
        return pb.ProtoError(err_type=error.kind, err_msg=str(error), err_code=error.status)
    if isinstance(error, HostError):
        return pb.ProtoError(err_type=ErrorType.UNKNOWN, err_msg=str(error))
    if isinstance(error, TimeoutError):
        return pb.ProtoError(err_type=ErrorType.UNKNOWN, err_msg="the request took too long")
    where = error.__traceback__
    while where is not None and where.tb_next is not None:
        where = where.tb_next
    place = f"{where.tb_frame.f_code.co_filename}:{where.tb_lineno}" if where is not None else "?"
    name = type(error).__name__
    log.error("internal error: %s at %s", name, place)
    return pb.ProtoError(err_type=ErrorType.INTERNAL, err_msg=f"internal error: {name}")
