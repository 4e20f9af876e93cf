"""What the host asks of a mount, and what the mount answers."""

from __future__ import annotations

import base64
import enum
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

from shim.proto import backend_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shim.framework.fields import Fields
    from shim.framework.host import Storage, SystemView


class Operation(enum.StrEnum):
    """``pb.Request.operation``, as Vault's ``logical.Operation`` spells it."""

    __hash__ = str.__hash__  # an Enum's own is by its name: the host's text would not find it

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


@dataclass(slots=True, kw_only=True)
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
    on top), `fields` the same coerced. `lease` is there on renewal and revocation only. What else
    the host tells is read when it is asked for, of the message that it sent.
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
    sent: pb.Request = field(default_factory=pb.Request, repr=False)

    @property
    def id(self) -> str:
        """The request's id, as in the answer's ``request_id`` and the audit log."""
        return self.sent.id

    @property
    def headers(self) -> Mapping[str, list[str]]:
        """The client's headers that the mount's ``passthrough_request_headers`` let through.

        Their names are in lower case.
        """
        return {k.lower(): list(v.header) for k, v in self.sent.headers.items()}

    @property
    def address(self) -> str:
        """The client's IP address, "" where the host does not tell."""
        return self.sent.connection.remote_addr

    @property
    def port(self) -> int:
        """The client's port, 0 where the host does not tell: Vault 1.21 never does."""
        return self.sent.connection.remote_port

    @property
    def accessor(self) -> str:
        """The accessor of the client's token, as the host gives it to plugins: salted, or ""."""
        return self.sent.client_token_accessor

    @property
    def mount_accessor(self) -> str:
        """The mount's accessor, "" where the host does not tell: OpenBao 2.7 never does."""
        return self.sent.mount_accessor

    @property
    def mount_type(self) -> str:
        """What the mount is registered as: the plugin's name."""
        return self.sent.mount_type

    @property
    def authenticated(self) -> bool:
        """Whether the client showed a token: not on a path of `SpecialPaths.unauthenticated`."""
        return bool(self.sent.client_token) and not self.sent.unauthenticated

    @property
    def wrap_ttl(self) -> int:
        """Seconds for which the client wants the answer wrapped, 0 for not at all."""
        return self.sent.wrap_info.TTL // 1_000_000_000


@dataclass(slots=True, kw_only=True)
class Response:
    """The answer. A write without any answer (HTTP 204) is None instead of a Response.

    `data` must be JSON; None shows as ``"data": null``. `headers` reach the client where the
    mount's ``allowed_response_headers`` let them. With a `wrap_ttl` the client gets a token that
    unwraps the answer once within so many seconds, and not the answer.
    """

    data: Mapping[str, Any] | None = field(default=None, repr=False)
    lease: Lease | None = None
    warnings: list[str] = field(default_factory=list)
    headers: Mapping[str, list[str]] | None = field(default=None, repr=False)
    wrap_ttl: int = 0

    @classmethod
    def raw(
        cls, body: bytes, *, content_type: str = "application/octet-stream", status: int = 200
    ) -> Self:
        """An answer whose body is `body` and no JSON: a certificate, a key to be downloaded."""
        return cls(
            data={
                "http_content_type": content_type,
                "http_raw_body": base64.b64encode(body).decode(),
                "http_status_code": status,
            }
        )


def listing(keys: list[str]) -> Response:
    """The answer to a list operation: HTTP 404 when there is nothing, as the host makes it."""
    return Response(data={"keys": keys} if keys else {})
