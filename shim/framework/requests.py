"""What the host asks of a mount, and what the mount answers."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shim.framework.fields import Fields
    from shim.framework.host import Storage, SystemView


class Operation(enum.StrEnum):
    """``pb.Request.operation``, as Vault's ``logical.Operation`` spells it."""

    CREATE = "create"
    READ = "read"
    UPDATE = "update"
    PATCH = "patch"
    DELETE = "delete"
    LIST = "list"
    HELP = "help"
    REVOKE = "revoke"
    RENEW = "renew"
    ROLLBACK = "rollback"
    RESOLVE_PATH = "resolve-path"


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """``pb.Secret``: what binds a response's data to its end.

    `ttl`, `max_ttl` and `increment` are seconds; a `max_ttl` of 0 leaves the maximum to the
    mount. `issued` is Unix seconds, and `increment` what the caller asked for; both are set by
    the host on renewal. `internal` is JSON kept by the host and given back whole on renewal and
    revocation; it is never shown to users.
    """

    type: str
    ttl: int
    max_ttl: int = 0
    renewable: bool = True
    increment: int = 0
    issued: float = 0.0
    internal: Mapping[str, Any] = field(default_factory=dict, repr=False)


@dataclass(slots=True, kw_only=True)
class Request:
    """One request to one mount.

    `path` is relative to the mount. `data` is the body as sent (with the path's own parameters
    on top), `fields` the same coerced. `lease` is there on renewal and revocation only.
    """

    operation: str
    path: str
    storage: Storage
    system: SystemView
    data: Mapping[str, Any] = field(default_factory=dict, repr=False)
    fields: Fields
    lease: Lease | None = None
    entity_id: str = ""
    display_name: str = ""
    mount_point: str = ""


@dataclass(slots=True, kw_only=True)
class Response:
    """The answer. A write without any answer (HTTP 204) is None instead of a Response.

    `data` must be JSON; None shows as ``"data": null``.
    """

    data: Mapping[str, Any] | None = field(default=None, repr=False)
    lease: Lease | None = None
    warnings: list[str] = field(default_factory=list)


def listing(keys: list[str]) -> Response:
    """The answer to a list operation: HTTP 404 when there is nothing, as the host makes it."""
    return Response(data={"keys": keys} if keys else {})
