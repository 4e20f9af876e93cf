"""``login/<subject>``: a token on a lease."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shim import BOOL, DURATION, STRING, Action, Field, Operation, Path, UserError
from vault_plugin.span import Terms

if TYPE_CHECKING:
    from shim import Request, Response
    from vault_plugin.mount import Mount
    from vault_plugin.token_lease import TokenLeases

DESCRIPTION = """
Mints a token of the subject and returns it on a lease:

    $ vault write -f pachyderm/login/robot:ci
    $ vault write pachyderm/login/robot:ci ttl=30m renewable=false

The subject is part of the path, so that a policy can allow some and not others:

    path "pachyderm/login/robot:ci-*" { capabilities = ["create", "update"] }

Renew with `vault lease renew <lease_id>` after half the TTL. On Pachyderm 1.x a renewal extends
the token; on 2.x a token cannot be extended, so it is minted to end at max_ttl and the lease is
renewed up to there. `vault lease revoke <lease_id>` ends the token at once.
"""

ANSWERS = {
    "user_token": Field(kind=STRING, description="The Pachyderm token.", sensitive=True),
    "pachd_address": Field(kind=STRING, description="Where to use it, as written in config."),
}
TTL = Field(
    kind=DURATION,
    description="How long the lease lasts, such as 30, 30s, 1h30m or 1d. Unset: the ttl of"
    " config, else the mount's default. Capped by max_ttl of config and by the mount's maximum.",
)
RENEWABLE = Field(kind=BOOL, description="Whether the lease can be renewed. Unset: as config says.")


def path(mount: Mount, leases: TokenLeases) -> Path:
    """The path, whose tokens `leases` issues."""

    @mount.retried
    async def login(request: Request) -> Response:
        return await leases.issue(request, request.fields["subject"], terms(request))

    return Path(
        template="login/{subject}",
        synopsis="Mint a Pachyderm token of a subject, on a lease.",
        description=DESCRIPTION,
        fields={
            "subject": Field(
                kind=STRING, description="Whose token: <type>:<name>, such as robot:ci."
            ),
            "ttl": TTL,
            "renewable": RENEWABLE,
        },
        operations={
            Operation.UPDATE: Action(
                handler=login, summary="Mint a token", writes=True, answers=ANSWERS
            )
        },
    )


def terms(request: Request) -> Terms:
    """What the request asks for."""
    return Terms(ttl=asked_ttl(request), renewable=request.fields["renewable"])


def asked_ttl(request: Request) -> int:
    """Seconds of the request's ttl, 0 where it has none or an empty one.

    Raises UserError for less than a second, which pachd takes for no end at all.
    """
    fields = request.fields
    if not fields.sent("ttl") or request.data["ttl"] == "":
        return 0
    if fields["ttl"] < 1:
        raise UserError("invalid TTL duration (must be > 0s)")
    seconds: int = fields["ttl"]
    return seconds
