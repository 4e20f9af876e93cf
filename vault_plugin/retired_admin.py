"""Admin tokens that the engine made and config holds no longer: nobody else knows them.

Each is written to the log before config is changed, and ended at its own cluster, by the trust
it was used with, once storage took the change and what came in its place is proven. What cannot
be ended at once is left to the rollback. Where a token's own address does not answer any more, or
is another cluster's, config's cluster ends it, if it proves to hold it. A log entry of a token that
config still holds is of a change that did not come about.
"""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from shim import BackendError, Masked, StorageError, wal
from vault_plugin import config as stored
from vault_plugin import trust
from vault_plugin.config import ROOT, Config
from vault_plugin.mount import connect
from vault_plugin.pachyderm.client import Endpoint
from vault_plugin.pachyderm.errors import BAD_TOKEN, Meaning, PachdError
from vault_plugin.revocation import DOUBT, by_itself
from vault_plugin.tokens import hashed

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping

    from shim import Request, Storage
    from vault_plugin.mount import Mount, Session
    from vault_plugin.pachyderm.api import Api

KIND = "admin"  # of a log entry
_AT_ONCE = 5.0  # seconds that a write or a delete of config waits for the clusters of old tokens
_MIN_AGE = 60  # seconds, until the request that wrote an entry is over

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class RetiredAdmin:
    """A token and the cluster that knows it.

    `trust` names the stored bundle to verify pachd with; `ends` is Unix seconds, None for never or
    unknown.
    """

    token: Masked
    pachd_address: str
    subject: str = ""
    trust: str = ""
    tls_server_name: str = ""
    generation: str = ""
    cluster_id: str = ""
    ends: float | None = None

    async def endpoint(self, storage: Storage) -> Endpoint:
        """The token's own cluster. Raises StorageError, BackendError where trust is lost."""
        bundle = await trust.find(storage, self.trust)
        return Endpoint(self.pachd_address, bundle, self.tls_server_name)

    def is_where(self, config: Config) -> bool:
        """Whether `config` goes the very same way to the same place."""
        return (self.pachd_address, self.trust, self.tls_server_name) == (
            config.pachd_address,
            trust.name_of(config.ca_cert),
            config.tls_server_name,
        )

    def stored(self) -> dict[str, Any]:
        """As the log keeps it."""
        values = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        return {**values, "token": self.token.reveal()}


def _of(config: Config, token: Masked) -> RetiredAdmin:
    return RetiredAdmin(
        token=token,
        subject=config.admin_subject,
        pachd_address=config.pachd_address,
        trust=trust.name_of(config.ca_cert),
        tls_server_name=config.tls_server_name,
        generation=config.generation,
        cluster_id=config.cluster_id,
        ends=config.admin_expires if token == config.admin_token else None,
    )


def _from(data: Mapping[str, Any]) -> RetiredAdmin:
    """What `RetiredAdmin.stored` gave, by this version of the engine or another."""
    values = {f.name: data[f.name] for f in dataclasses.fields(RetiredAdmin) if f.name in data}
    return RetiredAdmin(**{**values, "token": Masked(data["token"])})


class RetiredAdmins:
    """Ends those of one mount.

    `pending` says of each that could not be ended yet why, by the token's hash.
    """

    def __init__(self, mount: Mount) -> None:
        self._mount = mount
        self.pending: dict[str, str] = {}
        self._refused: dict[str, float] = {}  # by hash: the loop's time of the first refusal
        self._unlogged: list[RetiredAdmin] = []  # those that storage did not take

    async def replace(
        self,
        storage: Storage,
        before: Config,
        after: Config | None,
        change: Callable[[], Coroutine[Any, Any, None]],
    ) -> list[str]:
        """Have storage take the `change` from `before` to `after`, and end what that leaves behind.

        Gives warnings about what is not ended yet. Raises StorageError.
        """
        kept = after.tokens if after is not None else []
        retired = [_of(before, token) for token in before.made_tokens if token not in kept]
        if retired:  # 0.1.0 stored it with config alone
            await trust.keep(storage, before.ca_cert)
        entries = [
            await wal.put(storage, KIND, admin.stored(), min_age=_MIN_AGE) for admin in retired
        ]
        await self._mount.change(change())
        if not retired:
            return []
        if after is not None and not after.admin_subject:
            for admin in retired:
                self.pending[hashed(admin.token)] = "the admin token in its place is not proven"
            return [
                "the admin token that config/rotate made is revoked once the new one is proven to"
                " be valid"
            ]
        warnings = []
        if after is not None and before.admin_subject == ROOT != after.admin_subject:
            warnings.append("the root user's token, which nobody else knew, is revoked with this")
        end = asyncio.get_running_loop().time() + _AT_ONCE
        for admin, entry in zip(retired, entries, strict=True):
            callers = [*_callers(admin, after), before.admin_token]
            try:
                async with asyncio.timeout_at(end):
                    await self._end(admin, before.endpoint, callers, before)
                    await wal.delete(storage, entry)
            except (BackendError, StorageError, TimeoutError):
                reason = self.pending.setdefault(hashed(admin.token), "no answer yet")
                warnings.append(
                    f"an admin token that config/rotate made lives on at {admin.pachd_address}, and"
                    f" is revoked by itself as soon as that can be: {reason}"
                )
        return warnings

    async def undo(self, request: Request, data: Mapping[str, Any]) -> None:
        """End what the log holds, unless config holds it too. Raises to be called again."""
        admin = _from(data)
        async with self._mount.writing:  # a change under way ends first
            config = await stored.load(request.storage)
            if self._mount.doubted:
                raise BackendError("whether storage took the last change of config is not sure yet")
        if config is not None:
            if admin.token in config.tokens:
                self.pending.pop(hashed(admin.token), None)
                return
            if not config.admin_subject:
                await (await self._mount.session(request.storage)).identify()
        limits = config or Config(admin_token=admin.token, pachd_address=admin.pachd_address)
        try:
            endpoint = await admin.endpoint(request.storage)
            await self._end(admin, endpoint, _callers(admin, config), limits)
        except BackendError:
            session = await self._mount.find_session(request.storage)
            if session is None or not await _end_elsewhere(admin, session):
                raise
            self._ended(admin)

    async def end_unstored(self, config: Config, token: Masked) -> None:
        """End a token that pachd made for a rotation and that storage did not take."""
        admin = _of(config, token)
        try:
            await self._end(admin, config.endpoint, [config.admin_token], config)
        except BackendError as error:
            log.warning("an admin token that could not be stored is kept to be revoked: %s", error)
            self._unlogged.append(admin)

    async def periodic(self, request: Request) -> None:
        """Write to the log what storage did not take before. Raises StorageError."""
        while self._unlogged:
            await wal.put(request.storage, KIND, self._unlogged[0].stored(), min_age=0)
            del self._unlogged[0]

    async def _end(
        self, admin: RetiredAdmin, endpoint: Endpoint, callers: list[Masked], limits: Config
    ) -> None:
        """Revoke the token at `endpoint`, its own, as one of `callers` or as itself.

        Raises BackendError.
        """
        key = hashed(admin.token)
        self.pending[key] = "no answer yet"
        try:
            cluster = connect(limits, endpoint, admin.generation)
        except ValueError as error:
            raise BackendError(f"pachd at {admin.pachd_address}: {error}") from None
        async with cluster:
            try:
                api = await cluster.api(urgent=True)
                await _check_id(api, admin)
                await _revoke(api, callers, admin.token)
            except BackendError as error:
                self.pending[key] = str(error)
                if not self._is_dead(admin, error):
                    raise
                log.warning("an admin token of %s counts as revoked: %s", admin.subject, error)
        self._ended(admin)

    def _ended(self, admin: RetiredAdmin) -> None:
        self.pending.pop(hashed(admin.token), None)
        self._refused.pop(hashed(admin.token), None)
        log.info("an admin token of %s that config no longer holds was revoked", admin.subject)

    def _is_dead(self, admin: RetiredAdmin, error: BackendError) -> bool:
        """Whether `error` says so, or the token's end."""
        if admin.ends is not None and time.time() > admin.ends + trust.GIVEN_UP:
            return True
        meaning = error.meaning if isinstance(error, PachdError) else None
        if meaning is Meaning.NOT_ACTIVATED:
            return True  # auth is off: no token lives
        if meaning is not Meaning.BAD_CALLER:
            return False
        # The token itself was the last to call. 2.x says so of every token while its database
        # fails.
        now = asyncio.get_running_loop().time()
        return now - self._refused.setdefault(hashed(admin.token), now) >= DOUBT


def _callers(admin: RetiredAdmin, config: Config | None) -> list[Masked]:
    """The admin token of `config`, where that goes the very same way to the same place."""
    if config is None or not admin.is_where(config):
        return []
    return [config.admin_token]


async def _check_id(api: Api, admin: RetiredAdmin) -> None:
    """Raise BackendError where another cluster answers at the token's own address."""
    there = await api.cluster_id() if admin.cluster_id else ""
    if there not in ("", admin.cluster_id):
        raise BackendError(
            f"the token is of the cluster {admin.cluster_id}, and at {admin.pachd_address} is the"
            f" cluster {there} now"
        )


async def _end_elsewhere(admin: RetiredAdmin, session: Session) -> bool:
    """Whether the cluster of `session` proved to be the token's, and ended it."""
    config = session.config
    try:
        api = await session.api(urgent=True)
        if not await session.proof.holds(api, config.admin_token, admin.token):
            return False
        await api.revoke(config.admin_token, admin.token)
    except BackendError as error:
        log.info("%s could not end a token it may hold: %s", config.pachd_address, error)
        return False
    return True


async def _revoke(api: Api, callers: list[Masked], token: Masked) -> None:
    """Revoke `token` as the first of `callers` that pachd lets, or as itself."""
    refusal = None
    for caller in callers:
        if caller == token:
            continue
        try:
            await api.revoke(caller, token)
        except PachdError as error:
            if error.meaning not in (*BAD_TOKEN, Meaning.DENIED):
                raise
            refusal = error
        else:
            return
    try:
        await by_itself(api, token)
    except PachdError as error:
        if error.meaning is Meaning.BAD_CALLER and refusal is not None:
            # pachd takes neither, as while its database fails: that proves nothing.
            raise BackendError(f"the admin token cannot revoke: {refusal}") from None
        raise
