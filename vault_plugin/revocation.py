"""The end of a token: when it is certain, and by whose word."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from shim import BackendError
from vault_plugin.home import check_id
from vault_plugin.pachyderm.errors import BAD_TOKEN, Meaning, PachdError

if TYPE_CHECKING:
    from shim import Masked
    from vault_plugin.held_token import HeldToken
    from vault_plugin.home import Home
    from vault_plugin.pachyderm.api import Api

DOUBT = 5.0  # seconds between two refusals that are believed

log = logging.getLogger(__name__)


async def end(home: Home, held: HeldToken) -> None:
    """Revoke the token of `held` and take its grants away.

    By the admin token, else by the token itself, which either generation allows. Raises
    BackendError unless the token is surely dead and its grants are gone.
    """
    try:
        await _revoke(home, held)
        if home.admin is not None:
            for grant in held.parsed_grants:
                await home.api.ungrant(home.admin, held.subject, grant)
        elif held.grants:
            log.warning("grants of %s, who has no token now, stay", held.subject)
    except PachdError as error:
        if error.meaning is not Meaning.NOT_ACTIVATED:
            raise
        if home.moved_to is None:  # or else another cluster may have taken the place
            await check_id(home.api, held)
        log.info("auth is off at %s: no token of it lives", held.pachd_address)


async def _revoke(home: Home, held: HeldToken) -> None:
    refusal = None
    if home.admin is not None:
        try:
            number = await home.api.revoke(home.admin, held.user_token)
        except PachdError as error:
            if error.meaning not in (*BAD_TOKEN, Meaning.DENIED):
                raise
            refusal = error
        else:
            if not number and home.moved_to is None:  # not known here: or is here another place?
                await check_id(home.api, held)
            return
    try:
        await by_itself(home.api, held.user_token)
    except PachdError as error:
        if error.meaning is not Meaning.BAD_CALLER:
            raise
        if refusal is not None:
            raise BackendError(f"the admin token cannot revoke: {refusal}") from None
        await _confirm(home.api, held)


async def by_itself(api: Api, token: Masked) -> None:
    """Revoke a token as its own caller. Raises BackendError unless pachd confirms."""
    try:
        number = await api.revoke(token, token)
    except PachdError as error:
        if error.meaning is not Meaning.EXPIRED_CALLER:
            raise
        return  # 2.x says so of the caller, which here is the token itself
    if not number and not api.extends:
        raise BackendError("pachd did not confirm that the token is revoked")


async def _confirm(api: Api, held: HeldToken) -> None:
    """Hear a second time that the token is unknown to its own cluster.

    There is no admin token to ask by, and 2.x says the same while its database fails.
    """
    await asyncio.sleep(DOUBT)
    try:
        await api.who_am_i(held.user_token)
    except PachdError as error:
        if error.meaning not in BAD_TOKEN:
            raise
        log.info("%s does not know the token of %s any more", held.pachd_address, held.subject)
        return
    raise BackendError("pachd knows the token of this lease again: try again")
