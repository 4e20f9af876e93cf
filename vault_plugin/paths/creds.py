"""``creds/<role>``: a token as a role says, on a lease."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shim import Action, CodedError, Operation, Path
from vault_plugin import role as stored
from vault_plugin import subject_template
from vault_plugin.grants import check_allowed
from vault_plugin.paths.login import ANSWERS, TTL, asked_ttl
from vault_plugin.paths.roles import NAME
from vault_plugin.span import Terms

if TYPE_CHECKING:
    from shim import Request, Response
    from vault_plugin.mount import Mount
    from vault_plugin.token_lease import TokenLeases

DESCRIPTION = """
Mints a token as the role says and returns it on a lease:

    $ vault read pachyderm/creds/ci
    $ vault write pachyderm/creds/ci ttl=10m

Where the role's subject is made of the caller's identity, the caller must have logged in to Vault
with one. Where it holds {{random}}, each lease has a robot of its own, whose grants are taken
away with the lease.
"""


def path(mount: Mount, leases: TokenLeases) -> Path:
    """The path, whose tokens `leases` issues."""

    @mount.retried  # as a whole: a second try is of another random subject than the first
    async def mint(request: Request) -> Response:
        name = request.fields["role"]
        role = await stored.load(request.storage, name)
        if role is None:
            raise CodedError(404, f"no role '{name}': write it to roles/{name}")
        grants = role.parsed_grants
        if grants:
            allowed = (await mount.session(request.storage)).config.allowed_grants
            check_allowed(grants, allowed, request.mount_point)
        entity = None
        if subject_template.needs_identity(role.subject) and request.entity_id:
            entity = await request.system.entity(request.entity_id)
        subject = subject_template.render(role.subject, entity)
        terms = Terms(
            ttl=asked_ttl(request) or role.ttl,
            max_ttl=role.max_ttl,
            renewable=role.renewable,
            grants=grants,
        )
        return await leases.issue(request, subject, terms)

    return Path(
        template="creds/{role}",
        synopsis="Mint a token as a role says, on a lease.",
        description=DESCRIPTION,
        fields={"role": NAME, "ttl": TTL},
        operations={
            Operation.READ: Action(
                handler=mint, summary="Mint a token by role", answers=ANSWERS, writes=True
            ),
            Operation.UPDATE: Action(
                handler=mint, summary="Mint a token by role", answers=ANSWERS, writes=True
            ),
        },
    )
