"""``pb.Request`` and its answers: what is on the wire to what handlers see, and back."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from shim.framework import declared, payload
from shim.framework.errors import BackendError, CodedError, ErrorType, UserError
from shim.framework.fields import Fields
from shim.framework.host import HostError
from shim.framework.requests import Lease, Operation, Request, Response
from shim.proto import backend_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shim.framework.host import Host

log = logging.getLogger(__name__)

GO_ZERO_TIME = -62135596800  # Unix seconds of Go's zero time; a Timestamp must be there
NANOSECONDS = 1_000_000_000
_WIDEST = 4  # bytes of a character in UTF-8
_NO_FIELDS = Fields({}, {})


def request(sent: pb.Request, host: Host, data: Mapping[str, Any]) -> Request:
    """What a handler sees of what the host sent; `data` is its body.

    Raises BackendError for a lease whose data cannot be read.
    """
    return Request(
        operation=sent.operation,
        path=sent.path,
        storage=host.storage,
        system=host.system,
        data=data,
        fields=_NO_FIELDS,
        lease=_lease(sent.secret) if sent.HasField("secret") else None,
        entity_id=sent.entity_id,
        display_name=sent.display_name,
        mount_point=sent.mount_point,
        sent=sent,
    )


def revocation(request: Request, lease: Lease) -> Request:
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
        sent=request.sent,
    )


def too_large(longest: float) -> CodedError:
    """What is said of a body of more than `longest` bytes."""
    return CodedError(413, f"the request body is too large: at most {longest:,.0f} bytes of JSON")


def body(text: str, longest: float) -> dict[str, Any]:
    """The body of a request, at most `longest` bytes of JSON.

    Raises UserError for what cannot be taken, and CodedError for a longer one, unseen.
    """
    if len(text) * _WIDEST > longest and len(text.encode()) > longest:
        raise too_large(longest)
    try:
        return payload.decode(text)
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


def reply(response: Response) -> pb.Response:
    """An answer on the wire. Raises Untellable for what it cannot hold."""
    try:
        sent = pb.Response(data=payload.encode(response.data), warnings=response.warnings)
        lease = response.lease
        if lease is not None:
            options = sent.secret.lease_options
            options.TTL = lease.ttl * NANOSECONDS
            options.MaxTTL = lease.max_ttl * NANOSECONDS
            options.renewable = lease.renewable
            options.issue_time.seconds = GO_ZERO_TIME
            internal = {**lease.internal, "secret_type": lease.type}
            sent.secret.internal_data = payload.encode(internal)
    except (TypeError, ValueError) as error:
        _find_untellable(response, error)
        raise
    if response.headers:
        for name, values in response.headers.items():
            sent.headers[name].header.extend(values)
    if response.wrap_ttl:
        sent.wrap_info.TTL = response.wrap_ttl * NANOSECONDS
        sent.wrap_info.creation_time.seconds = GO_ZERO_TIME
    return sent


class Untellable(Exception):  # noqa: N818  what an answer holds
    """An answer holds what cannot be sent; the text names the part and the type alone."""


def _find_untellable(response: Response, error: Exception) -> None:
    """Raise Untellable for what in `response` made the `error`, where it is found."""
    lease = response.lease
    internal = {} if lease is None else lease.internal
    for name in () if lease is None else ("ttl", "max_ttl"):
        if not isinstance(seconds := getattr(lease, name), int):
            raise Untellable(
                f"{type(seconds).__name__} in lease.{name}: give whole seconds"
            ) from error
    for part, value in (("data", response.data), ("lease.internal", internal)):
        for found in declared.not_json(value):
            raise Untellable(
                f"{found} in {part}, which JSON does not have: decode it, or encode it as base64"
            ) from error


def fault(error: Exception, handler: str = "") -> pb.ProtoError:
    """The error on the wire. What nobody foresaw is logged by its type and `handler` alone.

    A message of an exception nobody foresaw may hold what was sent, a token among it.
    """
    if isinstance(error, BackendError):
        return pb.ProtoError(err_type=error.kind, err_msg=str(error), err_code=error.status)
    if isinstance(error, HostError):
        return pb.ProtoError(err_type=ErrorType.UNKNOWN, err_msg=str(error))
    if isinstance(error, TimeoutError):
        return pb.ProtoError(err_type=ErrorType.UNKNOWN, err_msg="the request took too long")
    by = f" in the handler {handler}" if handler else ""
    if isinstance(error, Untellable):
        log.error("%s%s", error, by)
        return pb.ProtoError(err_type=ErrorType.INTERNAL, err_msg=f"internal error{by}: {error}")
    where = error.__traceback__
    while where is not None and where.tb_next is not None:
        where = where.tb_next
    place = f"{where.tb_frame.f_code.co_filename}:{where.tb_lineno}" if where is not None else "?"
    name = type(error).__name__
    log.error("internal error: %s at %s%s", name, place, by)
    return pb.ProtoError(err_type=ErrorType.INTERNAL, err_msg=f"internal error: {name}")
