"""``check``: what an operator wants to know when something does not work."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from shim import (
    BOOL,
    COMMA_LIST,
    STRING,
    Action,
    BackendError,
    Field,
    Operation,
    Path,
    Response,
    UserError,
    show_duration,
)
from vault_plugin import moments, role, tokens
from vault_plugin.config import SOON
from vault_plugin.pachyderm.api import Right
from vault_plugin.rotation import check_rotatable

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from shim import Request, Storage
    from vault_plugin.mount import Mount, Session
    from vault_plugin.retired_admin import RetiredAdmins

DESCRIPTION = """
Asks pachd now, with the admin token of config:

    $ vault read pachyderm/check

`problems` says in words what is wrong and what to do; it is empty when all is well.
"""

_ANSWERS = {
    "pachd_address": Field(kind=STRING, description="The address in config."),
    "reachable": Field(kind=BOOL, description="Whether pachd answered."),
    "generation": Field(kind=STRING, description="1.x or 2.x."),
    "pachyderm_version": Field(kind=STRING, description="pachd's version."),
    "cluster_id": Field(kind=STRING, description="pachd's own id of the cluster."),
    "admin_subject": Field(kind=STRING, description="Whose token admin_token is."),
    "admin_expires": Field(kind=STRING, description="When it ends; null: never."),
    "admin_may": Field(kind=COMMA_LIST, description="What it may do."),
    "problems": Field(kind=COMMA_LIST, description="What is wrong and what to do."),
}


def path(mount: Mount, retired: RetiredAdmins) -> Path:
    """The path; `retired` tells what is still to be revoked."""

    async def check(request: Request) -> Response:
        session = await mount.session(request.storage)
        found: dict[str, Any] = dict.fromkeys(_ANSWERS)
        found |= {"pachd_address": session.config.pachd_address, "reachable": False}
        problems = [
            f"an admin token that config/rotate made and config no longer holds is not revoked yet:"
            f" {reason}; it is tried each minute"
            for reason in retired.pending.values()
        ]
        try:
            await _ask(session, request.storage, found, problems)
        except BackendError as error:
            problems.append(str(error))
        return Response(data={**found, "problems": problems})

    return Path(
        template="check",
        synopsis="Whether the engine can work: pachd, its version, the admin token.",
        description=DESCRIPTION,
        operations={
            Operation.READ: Action(
                handler=check, summary="Check pachd and the admin token", answers=_ANSWERS
            )
        },
    )


async def _ask(
    session: Session, storage: Storage, found: dict[str, Any], problems: list[str]
) -> None:
    """Fill `found` as far as all is well. Raises BackendError at what lets nothing else work."""
    config = session.config
    if config.unsettled:
        problems.append("a rotation of the admin token was interrupted: it is finished by itself")
    problems += [f"{said}: write it to config anew" for said in config.meaningless]
    if len(config.admin_token.reveal()) < tokens.SHORT:
        problems.append(f"{tokens.SHORT_WARNING}; use config/rotate")
    # Not as remembered: pachd may have been upgraded.
    api = await session.cluster.ask()
    found["pachyderm_version"] = await api.version()
    found |= {"reachable": True, "generation": api.generation}
    found["cluster_id"] = await api.cluster_id() or None
    if found["cluster_id"] and config.cluster_id not in ("", found["cluster_id"]):
        problems.append(
            f"config was written for the cluster {config.cluster_id}, and another answers at its"
            " address now: write config with an admin_token of this one"
        )
    identity = await api.who_am_i(config.admin_token)
    found["admin_subject"] = identity.subject
    if identity.expires is not None:
        found["admin_expires"] = moments.show(identity.expires)
        left = int(identity.expires - time.time())
        if left < SOON:
            problems.append(
                f"the admin token ends in {show_duration(left)}: use config/rotate, or write"
                " another to config"
            )
    rights = await api.rights(config.admin_token)
    found["admin_may"] = [str(right) for right in Right if right in rights]
    safe = config.crash_safe and await _allowed(api.check_crash_safe(), problems)
    for right, needed in ((Right.MINT, True), (Right.RESTORE, safe)):
        if needed and right not in rights:
            problems.append(f"the admin token may not {right}: give its subject the right")
    for name in await storage.list(role.PREFIX):
        stored = await role.load(storage, name)
        for grant in stored.parsed_grants if stored else ():
            await _allowed(api.check_grant(grant), problems, f"roles/{name}: ")
    if config.rotation_period:
        check_rotatable(api, identity.subject)
        if identity.expires is None and not api.endless:
            problems.append(
                "the admin token has no end, and a rotation makes one that ends in"
                f" {show_duration(api.longest or 0)}, which is extended in time: a new token"
                " without end needs Pachyderm 1.11.0 or later"
            )


async def _allowed(check: Awaitable[None], problems: list[str], where: str = "") -> bool:
    """Whether `check` passes; what it refuses is a problem, not the end of all checks."""
    try:
        await check
    except UserError as refusal:
        problems.append(f"{where}{refusal}")
        return False
    return True
