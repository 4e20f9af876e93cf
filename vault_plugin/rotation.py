"""Rotation of the admin token, in steps that a crash may come between.

The token to be is chosen and stored before pachd hears of it, and the one it takes the place of
stays stored until it is dead. What a crash interrupted is settled within a minute or by the next
rotation: pachd is asked which of the stored tokens it knows, and none is dropped before another
was seen alive. Until then each request uses one that works.

Where the admin may not restore tokens (a 2.x admin with the role robotUser alone), pachd makes the
new token itself, and one that storage does not take is revoked: only a kill before it is stored
then leaves one nobody knows.
"""

from __future__ import annotations

import contextlib
import logging
import time
from typing import TYPE_CHECKING

from shim import BackendError, Masked, Response, StorageError, UserError
from vault_plugin import config as stored
from vault_plugin import moments
from vault_plugin.config import ROOT
from vault_plugin.mount import connect
from vault_plugin.pachyderm.errors import BAD_TOKEN, Meaning, PachdError
from vault_plugin.pachyderm.v2 import V2
from vault_plugin.tokens import new_token

if TYPE_CHECKING:
    from shim import Request, Storage
    from vault_plugin.config import Config
    from vault_plugin.mount import Mount
    from vault_plugin.pachyderm.api import Api, Identity
    from vault_plugin.retired_admin import RetiredAdmins

log = logging.getLogger(__name__)


def check_rotatable(api: Api, subject: str) -> None:
    """Raise UserError unless admin tokens of `subject` can be rotated."""
    if not api.extends and subject != ROOT and not subject.startswith("robot:"):
        raise UserError(
            f"the admin token is {subject}'s: on pachd 2.x only those of robots and of the root"
            " user can be rotated; write one of a robot to config"
        )


class Rotation:
    """Rotates the admin token of one mount."""

    def __init__(self, mount: Mount, retired: RetiredAdmins) -> None:
        self._mount = mount
        self._retired = retired
        self._warned_of: float | None = None  # the end of an admin token that was warned of

    async def rotate(self, request: Request) -> Response:
        """A new admin token for the same subject, proven before the old one is revoked.

        Once begun it is carried through, whatever becomes of the request.
        Raises UserError where the kind of subject does not allow it, PachdError, StorageError;
        after each of them one of the stored tokens works.
        """
        return await self._mount.carry_through(self._rotate_now(request.storage))

    async def _rotate_now(self, storage: Storage) -> Response:
        async with self._mount.writing:
            config = await self._load(storage)
            async with connect(config, config.endpoint, "") as cluster:
                api = await cluster.api()
                return await self._rotate(storage, await self._settled(storage, config, api), api)

    async def periodic(self, request: Request) -> None:
        """Settle, rotate when it is time, and see to an end that comes near."""
        await self._retired.periodic(request)
        config = await stored.load(request.storage)
        if config is None:
            return
        if config.unsettled:
            await self._settle(request.storage)
        elif config.rotation_due:
            await self.rotate(request)
        elif config.generation == V2.generation:
            self._warn(config)
        elif config.admin_due:
            await self._extend(request.storage)

    async def _settle(self, storage: Storage) -> None:
        """Finish or undo what a crash interrupted. Raises PachdError, StorageError."""
        async with self._mount.writing:
            config = await self._load(storage)
            async with connect(config, config.endpoint, "") as cluster:
                await self._settled(storage, config, await cluster.api())

    async def _load(self, storage: Storage) -> Config:
        config = await stored.load(storage)
        if config is None:
            raise stored.missing()
        return config

    async def _save(self, storage: Storage, config: Config) -> Config:
        await self._mount.change(config.save(storage))
        return config

    async def _rotate(self, storage: Storage, config: Config, api: Api) -> Response:
        identity = await api.who_am_i(config.admin_token)
        subject = identity.subject
        root = subject == ROOT and not api.extends
        check_rotatable(api, subject)
        life = 0
        if identity.expires is not None and not root:
            life = config.admin_life or int(identity.expires - time.time())
        begun = config.changed(next_token=new_token(), admin_life=life)
        config = await self._save(storage, begun)
        assert config.next_token is not None  # noqa: S101  set two lines above
        try:
            if root:
                await api.rotate_root(config.admin_token, config.next_token)
            else:
                config = await self._make(storage, config, api, subject)
        except PachdError as error:
            if error.meaning is not Meaning.NO_ANSWER:
                with contextlib.suppress(BackendError):  # the first error says more
                    await self._settled(storage, config, api)
            raise
        config = await self._settled(storage, config, api)
        if config.admin_token == begun.admin_token:
            raise BackendError("the admin token was not rotated: pachd has no use for the new one")
        warnings = ["every other token of the root user was revoked by this"] if root else []
        if identity.expires is None and config.admin_expires is not None:
            warnings.append(
                f"the new admin token ends {moments.show(config.admin_expires)} and is extended in"
                " time, unlike the old one, which had no end: this release of Pachyderm gives none"
                " without"
            )
        return Response(warnings=warnings)

    async def _make(self, storage: Storage, config: Config, api: Api, subject: str) -> Config:
        """Have the next token at pachd, under the value stored or, failing that, one it makes."""
        assert config.next_token is not None  # noqa: S101  chosen by the caller
        life = config.admin_life or None
        ends = time.time() + life if life else None
        try:
            await api.restore(config.admin_token, config.next_token, subject, ends)
        except PachdError as error:
            if error.meaning not in (Meaning.DENIED, Meaning.NO_METHOD):
                raise
            minted = await api.mint(config.admin_token, subject, life)
            try:
                return await self._save(storage, config.changed(next_token=minted.token))
            except StorageError:
                await self._retired.end_unstored(config, minted.token)
                raise
        return config

    async def _settled(self, storage: Storage, config: Config, api: Api) -> Config:
        """`config` with one token: the next one if pachd knows it, and the old one dead."""
        if config.next_token is not None:
            config = await self._decided(storage, config, api, config.next_token)
        if config.old_token is not None:
            await api.revoke(config.admin_token, config.old_token)
            config = await self._save(storage, config.changed(old_token=None, old_made=False))
        return config

    async def _decided(self, storage: Storage, config: Config, api: Api, token: Masked) -> Config:
        """`config` with `token`, its next one, as the admin token, or without it."""
        try:
            identity = await api.who_am_i(token)
            usable = identity.expires is not None or not config.admin_life
        except PachdError as error:
            if error.meaning not in BAD_TOKEN:
                raise
            usable = False
        if not usable:
            # pachd also calls a token unknown when its database fails: none is dropped but by the
            # word of the other.
            await api.revoke(config.admin_token, token)
            log.warning("the rotation of the admin token did not come about")
            return await self._save(storage, config.changed(next_token=None))
        log.info("the admin token of %s was rotated", identity.subject)
        return await self._save(
            storage,
            config.changed(
                admin_token=token,
                admin_made=True,
                old_token=config.admin_token,
                old_made=config.admin_made,
                next_token=None,
                admin_subject=identity.subject,
                admin_expires=identity.expires,
                admin_life=_life(config, identity),
                rotated_at=time.time(),
            ),
        )

    def _warn(self, config: Config) -> None:
        """Say once of each token that it ends: 2.x cannot extend it."""
        if config.admin_ends_soon and config.admin_expires != self._warned_of:
            self._warned_of = config.admin_expires
            log.warning("the admin token ends within a day: use config/rotate")

    async def _extend(self, storage: Storage) -> None:
        """Let the admin token last for its whole life again."""
        async with self._mount.writing:
            config = await self._load(storage)
            async with connect(config, config.endpoint, "") as cluster:
                api = await cluster.api()
                if not api.extends:  # it is another generation than config remembers
                    self._warn(config)
                    return
                life = min(filter(None, (config.admin_life, api.longest)))
                await api.extend(config.admin_token, config.admin_token, life)
                identity = await api.who_am_i(config.admin_token)
            await self._save(storage, config.changed(admin_expires=identity.expires))
            log.info("the admin token was extended")


def _life(config: Config, identity: Identity) -> int:
    """Seconds that an admin token of `identity`, made just now, is to have when it is extended.

    One that was to have no end and has one is of a release that gives none without.
    """
    if config.admin_life or identity.expires is None:
        return config.admin_life
    return int(identity.expires - time.time())
