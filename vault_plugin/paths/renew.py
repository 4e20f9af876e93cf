"""``renew``: extend a token that is used outside a lease."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from shim import (
    DURATION,
    STRING,
    Action,
    Cap,
    Field,
    Operation,
    Path,
    Response,
    UserError,
    clamp,
)
from vault_plugin import tokens
from vault_plugin.pachyderm import release
from vault_plugin.pachyderm.errors import BAD_TOKEN, PachdError
from vault_plugin.pachyderm.release import Feature

if TYPE_CHECKING:
    from shim import Masked, Request
    from vault_plugin.config import Config
    from vault_plugin.mount import Mount
    from vault_plugin.pachyderm.api import Api, Identity

DESCRIPTION = """
Extends a Pachyderm 1.x token that is used outside a lease, to last `increment` from now:

    $ vault write pachyderm/renew user_token=34cffc9254df40f0a277ee23e9fb005d increment=1h

The increment is capped by max_ttl of config and by the mount's maximum; a shorter one than the
token has left changes nothing. A lease is not made longer by it: renew a token that came on a
lease with `vault lease renew <lease_id>`. Pachyderm 2.x cannot extend a token.
"""


def path(mount: Mount) -> Path:
    """The path."""

    @mount.retried
    async def renew(request: Request) -> Response:
        token: Masked = request.fields["user_token"]
        tokens.check("user_token", token)
        session = await mount.session(request.storage)
        await session.identify()
        config = session.config
        api = await session.api()
        if not api.extends:
            raise UserError(
                "pachd 2.x cannot extend a token: renew its lease with `vault lease renew"
                " <lease_id>`, or log in again"
            )
        identity = await _identity(api, token)
        config.subject_rules.check(identity.subject)
        if identity.expires is None:
            release.check(api.release, Feature.END)
            raise UserError("this token has no end: there is nothing to renew")
        ttl, warnings = await _increment(request, config, api)
        left = int(identity.expires - time.time())
        if ttl <= left:
            warnings.append(f"the token already lasts {left}s, which is longer: nothing changed")
        else:
            await api.extend(config.admin_token, token, ttl)
        return Response(data={"ttl": max(ttl, left)}, warnings=warnings)

    return Path(
        template="renew",
        synopsis="Extend a Pachyderm 1.x token used outside a lease.",
        description=DESCRIPTION,
        fields={
            "user_token": Field(
                kind=STRING, description="The token to extend.", required=True, sensitive=True
            ),
            "increment": Field(
                kind=DURATION,
                description="How long the token shall last from now. Unset: the ttl of config,"
                " else the mount's default.",
            ),
        },
        operations={
            Operation.UPDATE: Action(
                handler=renew,
                summary="Extend a token",
                writes=True,
                answers={"ttl": Field(kind=DURATION, description="Seconds the token now lasts.")},
            )
        },
    )


async def _identity(api: Api, token: Masked) -> Identity:
    try:
        return await api.who_am_i(token)
    except PachdError as error:
        if error.meaning in BAD_TOKEN:
            raise UserError("user_token is unknown to pachd, expired or revoked") from None
        raise


async def _increment(request: Request, config: Config, api: Api) -> tuple[int, list[str]]:
    asked = request.fields["increment"]
    if asked is not None and asked < 1:
        raise UserError("invalid increment (must be > 0s)")
    asked = asked or config.ttl or await request.system.default_lease_ttl()
    caps = [
        Cap(config.max_ttl, "config's max_ttl"),
        Cap(await request.system.max_lease_ttl(), "the mount's max_lease_ttl"),
        Cap(api.longest or 0, "the longest life pachd gives a token"),
    ]
    return clamp(asked, caps, what="increment")
