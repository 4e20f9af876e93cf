"""What the APIs of both generations share: the release, the cluster's id, the list of tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from google.protobuf.empty_pb2 import Empty
from google.protobuf.message import DecodeError

from shim import BackendError
from vault_plugin.pachyderm import release as releases
from vault_plugin.pachyderm.api import TokenInfo
from vault_plugin.pachyderm.client import NO_NAME
from vault_plugin.pachyderm.errors import BAD_TOKEN, Meaning, PachdError
from vault_plugin.pachyderm.extract import malformed, slices
from vault_plugin.pachyderm.release import Feature
from vault_plugin.pachyderm.told import tells

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from shim import Masked
    from shim.grpc import Method
    from vault_plugin.pachyderm.api import Identity
    from vault_plugin.pachyderm.client import Client, Urgent
    from vault_plugin.pachyderm.release import Release

_DEAD = (*BAD_TOKEN, Meaning.NOT_ACTIVATED)
_LONGEST_ADDITION = 64  # characters; pachd's own are a dozen
_LONGEST_ID = 128  # characters; pachd's own are UUIDs


class Spoken:
    """An API that a pachd speaks, called by `client`.

    `release` is the one that pachd told when it was asked last, or that is remembered of it; None
    where neither is known. pachd may have been upgraded since, so that a feature is not denied by
    it before pachd was asked anew.
    """

    _VERSION: ClassVar[Method[Any, Any]]
    _INSPECT: ClassVar[Method[Any, Any]]
    _EXTRACT: ClassVar[Method[Any, Any]]
    _TOKENS: ClassVar[Any]  # the type of the answer to _EXTRACT

    def __init__(self, client: Client | Urgent, release: Release | None = None) -> None:
        self._client = client
        self.release = release

    async def version(self) -> str:
        """GetVersion."""
        v = await self._client.call(self._VERSION, Empty())
        self.release = (v.major, v.minor, v.micro)
        # Such as -rc.1; pachd is asked before it has proved anything.
        known = len(v.additional) <= _LONGEST_ADDITION and v.additional.isprintable()
        return f"{v.major}.{v.minor}.{v.micro}{v.additional if known else ''}"

    async def require(self, feature: Feature) -> None:
        """Raise UserError, which names the release needed, where this one lacks `feature`."""
        if not releases.has(await self._known(), feature):
            await self._confirm()
            releases.check(self.release, feature)

    async def check_crash_safe(self) -> None:
        """Raise UserError where this release cannot mint crash-safe."""
        await self.require(Feature.RESTORE)

    async def check_subject(self, subject: str) -> None:
        """Raise UserError for a subject that is too long for this release."""
        limit = releases.longest_subject(self.release)
        if limit is not None and len(subject) > limit:
            await self._confirm()
            releases.check_subject(self.release, subject)

    async def cluster_id(self) -> str:
        """InspectCluster, which needs no token."""
        try:
            info = await self._client.call(self._INSPECT, self._INSPECT.request())
        except PachdError as error:
            if error.meaning in (Meaning.NO_ANSWER, Meaning.OVERLOADED):
                raise
            if error.meaning is Meaning.WRONG_GENERATION:
                await self.version()  # raises the same, unless it is this service alone
            return ""
        known = len(info.id) <= _LONGEST_ID and info.id.isprintable()
        return str(info.id) if known else ""

    async def extract(self, admin: Masked) -> AsyncIterator[TokenInfo]:
        """ExtractAuthTokens."""
        await self.require(Feature.EXTRACT)
        answer = await self._client.call(self._EXTRACT, self._EXTRACT.request(), admin)
        secret = admin.reveal()
        async for piece in slices(answer):
            try:
                entries = self._TOKENS.FromString(piece).tokens
            except DecodeError:
                raise malformed() from None
            for entry in entries:
                end, subject = entry.expiration, self._subject(entry)
                if secret in subject and tells(subject, [secret]):
                    raise BackendError(NO_NAME)
                expires = end.seconds + end.nanos / 1e9 if entry.HasField("expiration") else None
                yield TokenInfo(entry.hashed_token, subject, expires)

    @staticmethod
    def _subject(entry: Any) -> str:
        """Whose token an `entry` of the list is."""
        raise NotImplementedError

    async def _known(self) -> Release:
        """The release, asked where it is not known."""
        if self.release is None:
            await self.version()
        assert self.release is not None  # noqa: S101  version sets it
        return self.release

    async def _confirm(self) -> None:
        """Ask for the release anew; without an answer what is known of it stands."""
        try:
            await self.version()
        except PachdError as error:
            if error.meaning is not Meaning.NO_ANSWER:
                raise

    async def _proven(self, token: Masked, revoke: Callable[[], Awaitable[object]]) -> int:
        """Call `revoke`, whose success proves nothing; gives whether `token` lived until then.

        Raises BackendError where it lives on.
        """
        lived = await self._lives(token)
        await revoke()
        if await self._lives(token):
            raise BackendError("pachd did not revoke the token, though it said so: try again")
        return int(lived)

    async def _lives(self, token: Masked) -> bool:
        """Whether pachd takes `token`."""
        try:
            await self.who_am_i(token)
        except PachdError as error:
            if error.meaning not in _DEAD:
                raise
            return False
        return True

    async def who_am_i(self, token: Masked) -> Identity:
        """WhoAmI."""
        raise NotImplementedError
