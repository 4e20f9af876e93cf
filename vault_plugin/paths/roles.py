"""``roles/`` and ``roles/<name>``: what may be minted under a name."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from shim import (
    BOOL,
    COMMA_LIST,
    DURATION,
    PAGE,
    STRING,
    Action,
    CodedError,
    Field,
    Operation,
    Path,
    Response,
    UserError,
    listing,
    page,
    show_duration,
)
from vault_plugin import role as stored
from vault_plugin import subject_template
from vault_plugin.grants import check_allowed
from vault_plugin.paths.changes import patched, sent
from vault_plugin.role import Role

if TYPE_CHECKING:
    from shim import Request
    from vault_plugin.mount import Mount
    from vault_plugin.pachyderm.api import Api

NAME = Field(kind=STRING, description="The role's name.", pattern=r"\w(?:[\w.-]*\w)?")
_KEYS = Field(kind=COMMA_LIST, description="The names.")

DESCRIPTION = """
A role fixes what `creds/<role>` mints, so that a policy can allow the role and nothing else:

    $ vault write pachyderm/roles/ci subject=robot:ci ttl=30m max_ttl=12h

The subject may be made of the caller's identity, or be a robot of its own for each lease:

    $ vault write pachyderm/roles/self subject='robot:{{identity.entity.name}}'
    $ vault write pachyderm/roles/job subject='robot:job-{{random}}' \\
        grants=repo:default/images=repoReader,repo:default/models=repoWriter

Grants are given before the token is handed out and taken away with the lease. Config must allow
them, in allowed_grants. They need an admin token that may give them and may restore tokens:
clusterAdmin on 2.x, an admin on 1.x, where a grant is repo:<repo>=READER, WRITER or OWNER. Living
leases of a role that is changed or deleted renew by what they were granted with, and can always be
revoked.
"""

FIELDS = {
    "name": NAME,
    "subject": Field(
        kind=STRING,
        description="Whose tokens the role mints: <type>:<name>, or a template of"
        " {{identity.entity.name}}, {{identity.entity.id}}, {{identity.entity.metadata.<key>}},"
        " {{identity.entity.aliases.<accessor>.name}},"
        " {{identity.entity.aliases.<accessor>.metadata.<key>}} and {{random}}. Required on the"
        " first write.",
    ),
    "ttl": Field(kind=DURATION, description="How long a lease lasts. Unset: the ttl of config."),
    "max_ttl": Field(
        kind=DURATION,
        description="How long a lease lasts at most, renewals included. Unset: max_ttl of config.",
    ),
    "renewable": Field(
        kind=BOOL, description="Whether leases can be renewed. Unset: as config says."
    ),
    "grants": Field(
        kind=COMMA_LIST,
        description="What each lease's robot may do: repo:<project>/<repo>=<role>,"
        " project:<project>=<role>, cluster=<role>; on 1.x repo:<repo>=<scope>. Only with"
        " {{random}} in the subject.",
    ),
    "allow_cluster_grants": Field(
        kind=BOOL,
        description="Ignored: allowed_grants in config says what roles may grant.",
        deprecated=True,
    ),
}

_STORED = [name for name in FIELDS if name != "name"]
_DEFAULTS = {
    f.name: f.default for f in dataclasses.fields(Role) if f.default is not dataclasses.MISSING
}


def names() -> Path:
    """The list of roles."""

    async def names(request: Request) -> Response:
        return listing(page(await request.storage.list(stored.PREFIX), request.fields))

    return Path(
        template="roles/",
        synopsis="List the roles.",
        description="The names of all roles, or on OpenBao a page of them.",
        fields=PAGE,
        operations={
            Operation.LIST: Action(handler=names, summary="List the roles", answers={"keys": _KEYS})
        },
    )


def path(mount: Mount) -> Path:
    """One role."""

    async def exists(request: Request) -> bool:
        return await stored.load(request.storage, request.fields["name"]) is not None

    async def read(request: Request) -> Response | None:
        role = await stored.load(request.storage, request.fields["name"])
        return None if role is None else Response(data=_shown(role))

    @mount.retried
    async def write(request: Request) -> Response | None:
        async with mount.writing:
            name = request.fields["name"]
            role = await stored.load(request.storage, name)
            if role is None and not request.fields.sent("subject"):
                raise UserError("missing required field 'subject'")
            return await _store(mount, request, role or Role(subject=""), sent(request, _STORED))

    @mount.retried
    async def patch(request: Request) -> Response | None:
        async with mount.writing:
            role = await stored.load(request.storage, request.fields["name"])
            if role is None:
                raise CodedError(404, "no such role: write it first")
            return await _store(mount, request, role, patched(request, _STORED, _DEFAULTS))

    async def delete(request: Request) -> None:
        async with mount.writing:
            key = stored.PREFIX + request.fields["name"]
            await mount.carry_through(request.storage.delete(key))

    return Path(
        template="roles/{name}",
        synopsis="A role: whose tokens creds/<role> mints, and within what limits.",
        description=DESCRIPTION,
        fields=FIELDS,
        exists=exists,
        operations={
            Operation.READ: Action(
                handler=read,
                summary="Read a role",
                answers={n: f for n, f in FIELDS.items() if n != "name"},
            ),
            Operation.UPDATE: Action(handler=write, summary="Write a role", writes=True),
            Operation.PATCH: Action(handler=patch, summary="Change parts of a role", writes=True),
            Operation.DELETE: Action(handler=delete, summary="Delete a role", writes=True),
        },
    )


async def _store(
    mount: Mount, request: Request, role: Role, values: dict[str, Any]
) -> Response | None:
    changed = role.changed(**values)
    session = await mount.find_session(request.storage)
    if session is not None:
        if not subject_template.needs_identity(changed.subject):
            # Who will call is not known yet; what random makes of the subject is no matter.
            subject = subject_template.render(changed.subject, None)
            session.config.subject_rules.check(subject)
        if session.config.generation:  # else at use
            await _check_release(await session.api(), changed)
        allowed = session.config.allowed_grants
        check_allowed(changed.parsed_grants, allowed, request.mount_point)
    # Not given up half-way: the next write of the role shall come after it.
    await mount.carry_through(changed.save(request.storage, request.fields["name"]))
    # What is said of a field that does nothing needs an answer to stand in.
    return Response() if request.fields.sent("allow_cluster_grants") else None


async def _check_release(api: Api, role: Role) -> None:
    """Raise UserError for what pachd's release cannot do."""
    if not subject_template.needs_identity(role.subject):
        await api.check_subject(subject_template.render(role.subject, None))
    for grant in role.parsed_grants:
        await api.check_grant(grant)


def _shown(role: Role) -> dict[str, Any]:
    return {
        "subject": role.subject,
        "ttl": show_duration(role.ttl) if role.ttl else None,
        "max_ttl": show_duration(role.max_ttl) if role.max_ttl else None,
        "renewable": role.renewable,
        "grants": list(role.grants),
        "allow_cluster_grants": role.allow_cluster_grants,
    }
