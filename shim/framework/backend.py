"""A backend as data, and how a request finds its handler in it.

One `Backend` serves one mount. `dispatch` knows nothing of the wire: request in, response out,
`BackendError` raised.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NoReturn

from shim.framework import declared, openapi, path_help, wal
from shim.framework import fields as field_values
from shim.framework.errors import (
    BackendError,
    CodedError,
    ErrorType,
    ReadOnly,
    UnsupportedOperation,
    UnsupportedPath,
)
from shim.framework.forwarding import Writable
from shim.framework.paths import Path, Router
from shim.framework.requests import Lease, Operation, Request, Response

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from shim.framework.host import Host
    from shim.framework.leases import LeaseType


log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class SpecialPaths:
    """``pb.Paths``: path prefixes the host treats apart (a ``*`` at the end matches the rest).

    `root` needs a root or sudo token, `unauthenticated` none; `local_storage` is not replicated,
    `seal_wrap_storage` is wrapped by the seal where the server can. The others are told, and act
    on Vault Enterprise alone: `limited` paths have a limiter of requests of their own,
    `allow_snapshot_read` ones are read from a loaded snapshot too, what is written to
    `write_forwarded_storage` goes to the primary cluster. `binary` acts on no plugin: Vault 1.21
    forgets those of one, OpenBao 2.7 has none.
    """

    root: Sequence[str] = ()
    unauthenticated: Sequence[str] = ()
    local_storage: Sequence[str] = ()
    seal_wrap_storage: Sequence[str] = ()
    write_forwarded_storage: Sequence[str] = ()
    binary: Sequence[str] = ()
    limited: Sequence[str] = ()
    allow_snapshot_read: Sequence[str] = ()


#: what the host takes from a revocation as the end of all tries, but for Unrecoverable
_END_TRIES = (
    ErrorType.INVALID_REQUEST,
    ErrorType.UNSUPPORTED_OPERATION,
    ErrorType.UNSUPPORTED_PATH,
)
_WRITES = frozenset((Operation.CREATE, Operation.UPDATE))
_UNSOUND = Lease(type="", ttl=0)  # stands for that of an answer that is none
_HOOKS = ("undo", "initialize", "periodic", "invalidate", "close")


async def _nothing(*_: object) -> None:
    """The hook of a backend that has none."""


@dataclass(kw_only=True)
class Backend:
    """All that a mount is made of.

    `title` heads its help and OpenAPI document, `description` is the help text. `version` is the
    one that `shim.serve` is given; it is set there.
    `undo` takes back what a write-ahead log entry announced (`shim.wal`).
    `initialize` runs once the mount may use its storage (a standby only reads it), `periodic`
    about every minute on the node that may write, `invalidate(key)` when another node changed a
    stored key, `close` when the mount goes or its node changes its part in the cluster.
    """

    title: str
    description: str
    paths: Sequence[Path]
    lease_types: Sequence[LeaseType] = ()
    special: SpecialPaths = SpecialPaths()
    undo: wal.Undo | None = None
    initialize: Callable[[Host], Awaitable[None]] = _nothing
    periodic: Callable[[Request], Awaitable[None]] = _nothing
    invalidate: Callable[[str], Awaitable[None]] = _nothing
    close: Callable[[], Awaitable[None]] = _nothing
    version: str = field(init=False, default="0")
    _router: Router = field(init=False, repr=False)
    _leases: Mapping[str, LeaseType] = field(init=False, repr=False)
    _writable: Writable = field(init=False, repr=False, default_factory=Writable)
    _young: dict[str, float] = field(init=False, repr=False, default_factory=dict)  # of the log

    def __post_init__(self) -> None:
        hooks = {name: getattr(self, name) for name in _HOOKS}
        declared.check(self.paths, self.lease_types, hooks)
        self._router = Router(self.paths)
        self._leases = {lease.name: lease for lease in self.lease_types}

    async def dispatch(self, request: Request) -> Response | None:
        """Answer `request`. Raises BackendError (and lets a handler's own errors through).

        A renewal or revocation runs where the host asks for it: of a lease it could not keep, a
        standby asks for the revocation itself.
        """
        operation = request.operation
        apart = _APART.get(operation)
        if apart is not None:
            return await apart(self, request)
        path, parameters = self._find(request.path)
        action = path.action(operation)
        if action is None:
            raise UnsupportedOperation
        if action.writes and not await self._writable.ask(request.system):
            raise ReadOnly
        sent = request.data
        if path.strict:
            _demand_known(path, sent)
        request.data = {**sent, **parameters}
        request.fields = field_values.coerce(path.fields, request.data)
        if operation in _WRITES:
            field_values.demand(path.fields, request.fields)
        response = await action.handler(request)
        if response is None:
            return None
        lease = response.lease if isinstance(response, Response) else _UNSOUND
        if lease is not None and lease.type not in self._leases:
            self._refuse(response, action.handler)
        if sent:
            response.warnings += _advice(path, sent, parameters)
        return response

    def tells_existence(self, requested: str) -> bool:
        """Whether `exists` has anything to say of the path `requested`."""
        found = self._router.find(requested)
        return found is None or found[0].exists is not None

    async def exists(self, request: Request) -> bool | None:
        """Whether what `request` writes is there already; None where the path does not tell."""
        path, parameters = self._find(request.path)
        if path.exists is None:
            return None
        request.data = {**request.data, **parameters}
        request.fields = field_values.coerce(path.fields, parameters)
        return await path.exists(request)

    def _find(self, requested: str) -> tuple[Path, dict[str, str]]:
        found = self._router.find(requested)
        if found is None:
            raise UnsupportedPath
        return found

    async def _help(self, request: Request) -> Response:
        requested = request.path
        if not requested:
            text, paths = path_help.root(self.description, self.paths), self.paths
        else:
            path, _ = self._find(requested)
            text, paths = path_help.of_path(path, requested), [path]
        document = openapi.document(self.title, self.version, paths)
        return Response(data={"help": text, "see_also": None, "openapi": document})

    async def untaken(self, request: Request) -> None:
        """End what the lease in `request` was given for: the answer with it reached nobody.

        Raises BackendError (and lets a handler's own errors through).
        """
        lease = self._type_of_lease(request)
        await (lease.untaken or lease.revoke)(request)

    def _type_of_lease(self, request: Request) -> LeaseType:
        if request.lease is None:
            raise BackendError(f"{request.operation} without a lease")
        lease = self._leases.get(request.lease.type)
        if lease is None:
            # The author reads it in the log, an operator in the answer: it is tried again.
            told = (
                f"the lease is of type '{request.lease.type}', the backend has {self._known()}:"
                " keep the types of which leases may live in lease_types"
            )
            log.error("%s", told)
            raise BackendError(told)
        return lease

    def _known(self) -> str:
        return ", ".join(map(repr, self._leases)) or "none"

    async def _lease(self, request: Request) -> Response | None:
        lease = self._type_of_lease(request)
        act = lease.renew if request.operation == Operation.RENEW else lease.revoke
        try:
            response = await act(request)
        except BackendError as error:
            if error.kind not in _END_TRIES:
                raise
            # As a response it would be shown as a Go struct, as an error of these kinds it would
            # end all further tries of a revocation: that is Unrecoverable's to say.
            raise BackendError(str(error)) from None
        if response is not None:
            given = response.lease if isinstance(response, Response) else _UNSOUND
            if given is not None and given.type not in self._leases:
                self._refuse(response, act)
        return response

    def _refuse(self, response: object, handler: object) -> NoReturn:
        """Raise BackendError, which names `handler`, for an answer that is none."""
        if isinstance(response, Response) and response.lease is not None:
            wrong = f"gave a lease of type '{response.lease.type}', the backend has {self._known()}"
        else:
            wrong = f"gave {_a(response)}, not a Response or None: write Response(data=...)"
        told = f"the handler {declared.name_of(handler)} {wrong}"
        log.error("%s", told)
        raise BackendError(told)

    def handler_name(self, request: Request) -> str:
        """What answers `request`, by its name and module, to tell whose a mistake is."""
        if request.lease is not None and request.lease.type in self._leases:
            lease = self._leases[request.lease.type]
            renewal = request.operation == Operation.RENEW
            return declared.name_of(lease.renew if renewal else lease.revoke)
        if request.operation == Operation.ROLLBACK:
            return declared.name_of(self.periodic)
        found = self._router.find(request.path)
        action = found[0].action(request.operation) if found else None
        return declared.name_of(action.handler) if action else "none"

    async def _roll_back(self, request: Request) -> Response | None:
        if not await self._writable.ask(request.system):
            return None  # a standby is asked too; what it undid could be in the making elsewhere
        try:
            await self.periodic(request)
        finally:
            if self.undo is not None:
                immediate = bool(request.data.get("immediate"))
                await wal.roll_back(request, self.undo, self._young, immediate=immediate)
        return None


#: what is asked of no path's operation
_APART: dict[str, Callable[[Backend, Request], Awaitable[Response | None]]] = {
    Operation.HELP: Backend._help,
    Operation.RENEW: Backend._lease,
    Operation.REVOKE: Backend._lease,
    Operation.ROLLBACK: Backend._roll_back,
}


def _a(value: object) -> str:
    name = type(value).__name__
    return f"{'an' if name[0] in 'aeiou' else 'a'} {name}"


def _demand_known(path: Path, sent: Mapping[str, Any]) -> None:
    unknown = _unknown(path, sent)
    if unknown:
        quoted = " ".join(f'"{name}"' for name in unknown)
        raise CodedError(422, f"unknown fields: [{quoted}]")


def _unknown(path: Path, sent: Mapping[str, Any]) -> list[str]:
    """The names of what a caller sent that are no fields of the path."""
    return sorted(name for name in sent if name not in path.fields)


def _advice(path: Path, sent: Mapping[str, Any], parameters: Mapping[str, str]) -> list[str]:
    """Warnings about what a caller sent and the path did not take, in Vault's own words."""
    warnings = []
    unknown = _unknown(path, sent)
    if unknown:
        listed = " ".join(unknown)
        warnings.append(f"Endpoint ignored these unrecognized parameters: [{listed}]")
    replaced = sorted(name for name in sent if name in parameters)
    if replaced:
        warnings.append(
            "Endpoint replaced the value of these parameters with the values captured from the"
            f" endpoint's path: [{' '.join(replaced)}]"
        )
    warnings += [
        f"Parameter '{name}' is deprecated: {path.fields[name].description}"
        for name in sorted(sent)
        if name in path.fields and path.fields[name].deprecated
    ]
    return warnings
