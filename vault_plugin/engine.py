"""The engine of one mount, wired together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shim import Backend, SpecialPaths, wal
from vault_plugin import config as stored
from vault_plugin import role
from vault_plugin.mount import Mount
from vault_plugin.paths import (
    check,
    config,
    creds,
    login,
    renew,
    revoke,
    roles,
    rotate,
    tokens,
    version,
)
from vault_plugin.retired_admin import KIND, RetiredAdmins
from vault_plugin.rotation import Rotation
from vault_plugin.token_lease import TokenLeases

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shim import Request

DESCRIPTION = """
Mints Pachyderm tokens that live as long as their lease, on Pachyderm 1.x and 2.x.

Write an admin token and the cluster's address to `config`. Then every write to
`login/<type>:<name>`, such as `login/robot:ci`, gives a token of that subject: use `user_token`
with the pachd at `pachd_address`. Renew the lease after half its life; when it is revoked or
ends, the token is revoked at pachd.
"""


def backend() -> Backend:
    """A new mount's backend."""
    mount = Mount()
    leases = TokenLeases(mount)
    retired = RetiredAdmins(mount)
    rotation = Rotation(mount, retired)

    async def undo(request: Request, kind: str, data: Mapping[str, Any]) -> None:
        if kind == KIND:
            await retired.undo(request, data)
        else:
            await leases.undo(request, kind, data)

    async def periodic(request: Request) -> None:
        try:
            await mount.sweep(request)
        finally:
            await rotation.periodic(request)

    return Backend(
        title="Pachyderm secrets engine",
        description=DESCRIPTION,
        paths=[
            config.path(mount, retired),
            rotate.path(rotation),
            login.path(mount, leases),
            roles.names(),
            roles.path(mount),
            creds.path(mount, leases),
            renew.path(mount),
            revoke.path(mount),
            revoke.subject(mount),
            *tokens.paths(mount),
            check.path(mount, retired),
            version.path(mount),
            version.client_only(),
        ],
        lease_types=[leases.lease_type],
        special=SpecialPaths(
            local_storage=[wal.PREFIX],
            seal_wrap_storage=[stored.KEY, role.PREFIX, wal.PREFIX],
        ),
        undo=undo,
        periodic=periodic,
        invalidate=mount.invalidate,
        close=mount.close,
    )
