"""Minting a token: pachd makes it, or, crash-safe, the engine does.

Plain, pachd makes the token and tells it: if the plugin is killed in between, nobody knows it and
it ends by its TTL. Crash-safe, the engine chooses the token, writes it to the write-ahead log and
has pachd restore it; what is left in the log is revoked by the next rollback. As the last step it
writes the entry over to be left alone for as long as the lease lasts: from then on only the host
can tell whether there is a lease, and it does so by renewing or revoking it, which deletes the
entry. Where it does neither, there is none, and the token is revoked. Grants are always given
crash-safe.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import logging
import time
from typing import TYPE_CHECKING

from shim import BackendError, Masked, StorageError, UserError, wal
from vault_plugin.pachyderm.errors import Meaning, PachdError
from vault_plugin.tokens import hashed

if TYPE_CHECKING:
    from collections.abc import Callable

    from shim import Storage
    from vault_plugin.config import Config
    from vault_plugin.held_token import HeldToken
    from vault_plugin.mount import Mount
    from vault_plugin.pachyderm.api import Api
    from vault_plugin.span import Span

MINT = "mint"  # of a log entry: a login under way
GIVEN = "given"  # one that has its token; whether the host has its lease is not known yet
CALLS = 2  # to pachd, from when a token's end is chosen until it is given out
_ENTRY = 24  # characters of a log entry's name
_GRACE = 60  # seconds, beside its calls, until a request is surely over

log = logging.getLogger(__name__)


async def plainly(
    mount: Mount,
    storage: Storage,
    api: Api,
    config: Config,
    subject: str,
    span: Span,
    place: Callable[..., HeldToken],
) -> HeldToken:
    """A token that pachd makes, for `span`; `place` adds where it is to what it is.

    One that arrives when the request was given up is revoked again, as is one of a subject that
    pachd knows by another spelling and config refuses by that.
    """
    task = asyncio.current_task()
    assert task is not None  # noqa: S101 - we are a coroutine of asyncio's
    mount.minting.add(task)
    asked = time.time()
    try:
        minted = await api.mint(config.admin_token, subject, span.token)
    except PachdError:
        if task.cancelling():  # nobody hears of it, and nothing is to be tried again
            raise asyncio.CancelledError from None
        raise
    finally:
        mount.minting.discard(task)
    made = place(user_token=minted.token, subject=minted.subject, token_end=asked + span.token)
    try:
        if made.subject != subject:
            config.subject_rules.check_reserved(made.subject)
            config.subject_rules.check_denied(made.subject)
        if task.cancelling():  # meanwhile: a mint is not given up once pachd was asked
            raise asyncio.CancelledError
    except (asyncio.CancelledError, UserError):
        mount.in_background(_take_back(storage, api, config.admin_token, made))
        raise
    return made


async def safely(
    mount: Mount, storage: Storage, api: Api, config: Config, held: HeldToken, span: Span
) -> HeldToken:
    """`held` with its token living at pachd for `span`, and with its grants.

    Raises PachdError, StorageError and, for grants this generation does not have, UserError. What
    was done by then is undone at once, or by the next rollback.
    """
    await api.check_crash_safe()
    grants = held.parsed_grants
    for grant in grants:
        await api.check_grant(grant)
    # A rollback must not meet a request that is still under way.
    min_age = (CALLS + len(grants)) * config.request_timeout + _GRACE
    begun = time.time()
    held = dataclasses.replace(held, token_end=begun + span.token)
    entry = await wal.put(storage, MINT, held.stored(), min_age=min_age)
    held = dataclasses.replace(held, log_entry=entry)
    done = False  # whether pachd was asked for anything that it may have done
    try:
        for grant in grants:
            await api.grant(config.admin_token, held.subject, grant)
            done = True
        # Only now, since the grants took their time.
        held = dataclasses.replace(held, token_end=time.time() + span.token)
        await _restore(api, config.admin_token, held)
        done = True
        await _prove(api, held, span)
        if time.time() - begun > min_age:  # the machine was suspended
            raise BackendError("the login took so long that a rollback may have undone it")
    except BackendError as error:
        refusal = error if isinstance(error, PachdError) else None
        if refusal is not None and refusal.undone and not done:
            with contextlib.suppress(StorageError):
                await wal.delete(storage, entry)
        elif refusal is None or refusal.meaning is not Meaning.NO_ANSWER:
            # What pachd gave no answer to it may still be doing: that is for the log.
            await _take_back(storage, api, config.admin_token, held)
        raise
    try:
        await wal.put(storage, GIVEN, held.stored(), min_age=span.ttl + _GRACE, entry=entry)
    except (asyncio.CancelledError, StorageError):
        # It may be written all the same, and the token reaches nobody.
        mount.in_background(_take_back(storage, api, config.admin_token, held))
        raise
    return held


async def _restore(api: Api, admin: Masked, held: HeldToken) -> None:
    try:
        await api.restore(admin, held.user_token, held.subject, held.token_end)
    except PachdError as error:
        if error.meaning is not Meaning.EXPIRED_CALLER:
            raise
        await api.who_am_i(admin)  # raises the same where it spoke of the admin token
        raise _clock_is_off() from None


async def _prove(api: Api, held: HeldToken, span: Span) -> None:
    """Raise BackendError for a token that has no end, or would end before its lease.

    pachd takes an end that is less than a second from its own now for none at all, and its clock
    is not ours.
    """
    identity = await api.who_am_i(held.user_token)
    if identity.expires is None or identity.expires - time.time() < span.ttl:
        raise _clock_is_off()


def _clock_is_off() -> BackendError:
    return BackendError(
        "pachd's clock is far from this server's, or it is very slow: the token would not end"
        " when it should"
    )


async def _take_back(storage: Storage, api: Api, admin: Masked, held: HeldToken) -> None:
    """Undo it now; what cannot be is left to the log."""
    try:
        await api.revoke(admin, held.user_token)
        for grant in held.parsed_grants:
            await api.ungrant(admin, held.subject, grant)
        if held.log_entry:
            await wal.delete(storage, held.log_entry)
    except (BackendError, StorageError) as error:
        log.warning("a login that reached nobody is left to the next rollback: %s", error)
        await leave(storage, held)


async def leave(storage: Storage, held: HeldToken) -> HeldToken:
    """Leave a token that nobody has, or shall have, to the next rollback, or else to its TTL.

    Gives `held` with its log entry, of which there is one however often it is left.
    """
    entry = held.log_entry or hashed(held.user_token)[:_ENTRY]
    try:
        await wal.put(storage, GIVEN, held.stored(), min_age=0, entry=entry)
    except StorageError as error:
        log.warning("a token of %s to be revoked is not in the log: %s", held.subject, error)
        return held
    return dataclasses.replace(held, log_entry=entry)
