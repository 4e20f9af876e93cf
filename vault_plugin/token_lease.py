"""The lease type ``pachyderm_tokens``: issue, renew, revoke."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import logging
import time
from typing import TYPE_CHECKING, Any

from shim import (
    BackendError,
    Cap,
    Lease,
    LeaseType,
    Response,
    StorageError,
    UserError,
    clamp,
    wal,
)
from vault_plugin import home, minting, revocation, trust
from vault_plugin.held_token import HeldToken, held_by, held_from
from vault_plugin.pachyderm.errors import BAD_TOKEN, Meaning, PachdError
from vault_plugin.span import Terms, span_of
from vault_plugin.tokens import new_token

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shim import Masked, Request
    from vault_plugin.config import Config
    from vault_plugin.mount import Mount
    from vault_plugin.pachyderm.api import Api, Identity

NAME = "pachyderm_tokens"
_MARGIN = 10  # seconds, where there is no configuration to name a request_timeout

log = logging.getLogger(__name__)


class TokenLeases:
    """The leases of one mount."""

    def __init__(self, mount: Mount) -> None:
        self._mount = mount
        self.lease_type = LeaseType(
            name=NAME,
            renew=mount.retried(self.renew),
            revoke=mount.retried(self.revoke),
            untaken=self.untaken,
        )

    async def issue(self, request: Request, subject: str, terms: Terms) -> Response:
        """Mint a token of `subject` and give it out on a lease.

        One call to pachd, and none to storage, once the configuration is known; crash-safe,
        one more call and a log entry written twice.
        Raises UserError for a subject that may not be had, PachdError, StorageError.
        """
        session = await self._mount.session(request.storage)
        config = session.config
        config.subject_rules.check(subject)
        await session.identify()
        if session.config is not config:  # only now the admin's own subject is known
            config = session.config
            config.subject_rules.check_reserved(subject)
        api = await session.api()
        kind = subject.partition(":")[0]
        safe = _is_safe(api, config, kind, terms)
        renewable = config.renewable if terms.renewable is None else terms.renewable
        calls = minting.CALLS if safe else 1
        span = await span_of(request.system, config, api, terms, renewable=renewable, calls=calls)
        place = functools.partial(
            HeldToken,
            pachd_address=config.pachd_address,
            cluster_id=config.cluster_id,
            trust=await session.trust(request.storage),
            tls_server_name=config.tls_server_name,
            generation=api.generation,
            ttl=span.ttl,
            max_ttl=span.max_ttl,
        )
        if safe:
            chosen = place(
                user_token=new_token(),
                subject=subject,
                grants=tuple(text for grant in terms.grants for text in grant.texts),
            )
            held = await minting.safely(self._mount, request.storage, api, config, chosen, span)
        else:
            held = await minting.plainly(
                self._mount, request.storage, api, config, subject, span, place
            )
        return Response(
            data={"user_token": held.user_token.reveal(), "pachd_address": config.pachd_address},
            lease=Lease(
                type=NAME,
                ttl=span.ttl,
                max_ttl=span.max_ttl,
                renewable=renewable,
                internal=held.stored(),
            ),
            warnings=span.warnings,
        )

    async def renew(self, request: Request) -> Response:
        """Let the lease last for the increment, or for as long as it was granted for.

        On 1.x the token is extended with it; on 2.x the token ends when it was minted to, and
        the lease before it. Raises BackendError when the lease cannot last any longer.
        """
        lease = _lease(request)
        held = given = held_by(lease)
        if held.log_entry:  # before all else, or its token would be revoked in spite of the renewal
            await wal.delete(request.storage, held.log_entry)
            held = dataclasses.replace(held, log_entry="")
        session = await self._mount.find_session(request.storage)
        margin = session.config.request_timeout if session else _MARGIN
        async with await home.find(self._mount, request, held, ends=False) as found:
            api = found.api
            now = time.time()
            maximum = await request.system.max_lease_ttl()
            ends = [(lease.issued + maximum, "the time left to the mount's maximum")]
            if held.max_ttl:
                ends.append((lease.issued + held.max_ttl, "the time left to max_ttl"))
            if api.longest:
                longest = now + api.longest - margin
                ends.append((longest, "the longest life pachd gives a token"))
            if not api.extends:
                identity = await _alive(api, held.user_token)
                token_end = held.token_end or identity.expires
                if token_end:
                    ends.append((token_end - margin, "the time left to the token"))
            caps = [Cap(_whole(end - now), owner) for end, owner in ends]
            if min(caps).seconds < 1:
                raise BackendError("the lease has reached its longest life: log in again")
            asked = lease.increment or held.ttl or lease.ttl
            ttl, warnings = clamp(asked or await request.system.default_lease_ttl(), caps)
            if api.extends:
                if found.admin is None:
                    raise BackendError(
                        f"config no longer names {held.pachd_address}, whose admin token a renewal"
                        " needs: log in again"
                    )
                await _extend(api, found.admin, held.user_token, ttl + margin)
                held = dataclasses.replace(held, token_end=max(held.token_end, now + ttl + margin))
            if (
                found.moved_to is not None
            ):  # it proved to be the same: the next renewal is spared it
                held = dataclasses.replace(
                    held,
                    pachd_address=found.moved_to.pachd_address,
                    cluster_id=found.moved_to.cluster_id,
                    trust=await session.trust(request.storage) if session else "",
                    ca_cert="",
                    tls_server_name=found.moved_to.tls_server_name,
                )
        # The host takes the increment for the TTL whatever ours says, and cuts it to this alone.
        renewed = Lease(
            type=NAME,
            ttl=ttl,
            max_ttl=_whole(min(ends)[0] - lease.issued),
            renewable=lease.renewable,
            internal=lease.internal if held is given else held.stored(),
        )
        return Response(lease=renewed, warnings=warnings)

    async def revoke(self, request: Request) -> None:
        """End the lease's token at its own cluster.

        By the admin token where config still holds the one of that cluster, else by the token
        itself, which either generation allows. Raises BackendError unless pachd confirms.
        """
        held = held_by(_lease(request))
        try:
            await self._end(request, held)
        except BackendError:
            # A lease that the host could not store, as when its client went, it asks for but once.
            await minting.leave(request.storage, held)
            raise
        if held.log_entry:
            with contextlib.suppress(StorageError):  # the rollback finds that nothing is left to do
                await wal.delete(request.storage, held.log_entry)

    async def untaken(self, request: Request) -> None:
        """End the token of an answer that the host did not take: it made no lease."""
        # In the log before all else, should the mount or the process end meanwhile.
        held = await minting.leave(request.storage, held_by(_lease(request)))
        try:
            await self._end(request, held)
            if held.log_entry:
                await wal.delete(request.storage, held.log_entry)
        except (BackendError, StorageError) as error:
            log.warning("a token given to nobody is left to the next rollback: %s", error)

    async def undo(self, request: Request, kind: str, data: Mapping[str, Any]) -> None:
        """Take back what a login made that has no lease. Raises to be called again."""
        del kind  # all are undone alike
        await self._end(request, held_from(data))

    async def _end(self, request: Request, held: HeldToken) -> None:
        """Revoke the token and take its grants away.

        One that ended a day ago is dead, whatever its cluster answers: but for a pachd whose
        clock was so wrong that it took the end for none.
        """
        try:
            async with await home.find(self._mount, request, held, ends=True) as found:
                await revocation.end(found, held)
        except BackendError as error:
            if not held.token_end or time.time() < held.token_end + trust.GIVEN_UP:
                raise
            log.warning("the token of %s has ended, unrevoked: %s", held.subject, error)


def _is_safe(api: Api, config: Config, kind: str, terms: Terms) -> bool:
    """Whether to mint crash-safe. Raises UserError where there is no way to mint at all."""
    if api.extends:
        # Only pachd itself knows the names of people as 1.x spells them.
        return kind == "robot" and (config.crash_safe or bool(terms.grants))
    if kind == "user" and not config.crash_safe:
        raise UserError("tokens of user: subjects need crash_safe=true in config")
    if kind not in ("robot", "user"):
        raise UserError(f"pachd 2.x mints tokens of robots: write robot:<name>, not {kind}:")
    return config.crash_safe or bool(terms.grants)


async def _extend(api: Api, admin: Masked, token: Masked, ttl: int) -> None:
    try:
        await api.extend(admin, token, ttl)
    except PachdError as error:
        if error.meaning is Meaning.BAD_CALLER:
            await _alive(api, token)
        raise


async def _alive(api: Api, token: Masked) -> Identity:
    """Whose `token` is. Raises BackendError when pachd does not know it any more."""
    try:
        return await api.who_am_i(token)
    except PachdError as error:
        if error.meaning in BAD_TOKEN:
            raise BackendError(
                "the token of this lease is expired or was revoked at pachd: log in again"
            ) from None
        raise


def _lease(request: Request) -> Lease:
    if request.lease is None:
        raise BackendError(f"{request.operation} without a lease")
    return request.lease


def _whole(seconds: float) -> int:
    """Whole seconds, at least none; a difference of times may be a hair less than it should."""
    return max(0, int(seconds + 1e-6))
