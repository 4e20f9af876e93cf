"""``revoke``: end a token that is known by its text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shim import INT, STRING, Action, Field, Operation, Path, Response, UserError
from vault_plugin import subjects, tokens
from vault_plugin.pachyderm.errors import BAD_TOKEN, PachdError

if TYPE_CHECKING:
    from shim import Masked, Request
    from vault_plugin.mount import Mount
    from vault_plugin.pachyderm.api import Api

DESCRIPTION = """
Revokes one Pachyderm token at pachd, whoever minted it:

    $ vault write pachyderm/revoke user_token=34cffc9254df40f0a277ee23e9fb005d

A token that is gone already is no error; `revoked` tells how many were ended. The lease a token
came on stays and ends by itself; to end both, revoke the lease.
"""

SUBJECT_DESCRIPTION = """
Revokes all tokens that pachd knows of a subject, whoever minted them:

    $ vault write -f pachyderm/revoke/robot:ci

The subject is part of the path, so that a policy can allow some and not others. It needs
Pachyderm 2.x and an admin token with the role clusterAdmin. On 1.x revoke the subject's leases:

    $ vault lease revoke -prefix pachyderm/login/robot:ci
"""
REVOKED = Field(kind=INT, description="How many tokens were ended; null: pachd does not tell.")
UNTOLD = (
    "this release of Pachyderm does not tell whether tokens were ended, nor how many: that needs"
    " 2.4.3 or later"
)


def path(mount: Mount) -> Path:
    """One token."""

    @mount.retried
    async def revoke(request: Request) -> Response:
        token: Masked = request.fields["user_token"]
        tokens.check("user_token", token)
        session = await mount.session(request.storage)
        await session.identify()
        config = session.config
        if token == config.admin_token:
            raise UserError(
                "this is the admin token of config: use config/rotate, or write another to config"
            )
        api = await session.api()
        subject = await _subject(api, token)
        if subject is not None:
            config.subject_rules.check_reserved(subject)
        return Response(data={"revoked": await api.revoke(config.admin_token, token)})

    return Path(
        template="revoke",
        synopsis="Revoke a Pachyderm token.",
        description=DESCRIPTION,
        fields={
            "user_token": Field(
                kind=STRING, description="The token to revoke.", required=True, sensitive=True
            )
        },
        operations={
            Operation.UPDATE: Action(
                handler=revoke,
                summary="Revoke a token",
                writes=True,
                answers={"revoked": REVOKED},
            )
        },
    )


def subject(mount: Mount) -> Path:
    """Every token of a subject."""

    @mount.retried
    async def revoke(request: Request) -> Response:
        subject = request.fields["subject"]
        subjects.check_form(subject)
        session = await mount.session(request.storage)
        await session.identify()
        session.config.subject_rules.check_reserved(subject)
        api = await session.api()
        revoked = await api.revoke_subject(session.config.admin_token, subject)
        return Response(data={"revoked": revoked}, warnings=[] if revoked is not None else [UNTOLD])

    return Path(
        template="revoke/{subject}",
        synopsis="Revoke every token of a subject.",
        description=SUBJECT_DESCRIPTION,
        fields={
            "subject": Field(
                kind=STRING, description="Whose tokens: <type>:<name>, such as robot:ci."
            )
        },
        operations={
            Operation.UPDATE: Action(
                handler=revoke,
                summary="Revoke every token of a subject",
                writes=True,
                answers={"revoked": REVOKED},
            )
        },
    )


async def _subject(api: Api, token: Masked) -> str | None:
    """Whose token it is; None for one that pachd does not take any more."""
    try:
        return (await api.who_am_i(token)).subject
    except PachdError as error:
        if error.meaning in BAD_TOKEN:
            return None
        raise
