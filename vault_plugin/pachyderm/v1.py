"""pachd 1.x: ``/auth.API`` and ``/versionpb.API``."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from google.protobuf.empty_pb2 import Empty

from shim import BackendError, Masked, UserError
from shim.grpc import Method, Status
from vault_plugin import grants
from vault_plugin.pachyderm import release as releases
from vault_plugin.pachyderm.api import Identity, Minted, Right
from vault_plugin.pachyderm.errors import Meaning, PachdError
from vault_plugin.pachyderm.extract import LARGEST, RawAnswer
from vault_plugin.pachyderm.proto import v1_pb2 as pb
from vault_plugin.pachyderm.release import Feature
from vault_plugin.pachyderm.spoken import Spoken
from vault_plugin.tokens import hashed

if TYPE_CHECKING:
    from vault_plugin.grants import Grant

_VERSION = Method("/versionpb.API/GetVersion", Empty, pb.Version)
_WHO_AM_I = Method("/auth.API/WhoAmI", pb.WhoAmIRequest, pb.WhoAmIResponse)
_ADMINS = Method("/auth.API/GetAdmins", pb.GetAdminsRequest, pb.GetAdminsResponse)
_GET = Method("/auth.API/GetAuthToken", pb.GetAuthTokenRequest, pb.GetAuthTokenResponse)
_EXTEND = Method("/auth.API/ExtendAuthToken", pb.ExtendAuthTokenRequest, pb.ExtendAuthTokenResponse)
_REVOKE = Method("/auth.API/RevokeAuthToken", pb.RevokeAuthTokenRequest, pb.RevokeAuthTokenResponse)
_RESTORE = Method(
    "/auth.API/RestoreAuthToken", pb.RestoreAuthTokenRequest, pb.RestoreAuthTokenResponse
)
_EXTRACT = Method(
    "/auth.API/ExtractAuthTokens", pb.ExtractAuthTokensRequest, RawAnswer, max_reply=LARGEST
)
_INSPECT = Method("/admin.API/InspectCluster", pb.InspectClusterRequest, pb.ClusterInfo)
_SET_SCOPE = Method("/auth.API/SetScope", pb.SetScopeRequest, pb.SetScopeResponse)
_RIGHTS = {
    Right.MINT: None,
    Right.RESTORE: Feature.RESTORE,
    Right.EXTRACT: Feature.EXTRACT,
    Right.GRANT: Feature.GRANT,
}
_NO_END = -1  # as a ttl
_LONGEST = 30 * 24 * 3600  # seconds


class V1(Spoken):
    """The API of a 1.x pachd."""

    generation = "1.x"
    # What is asked beyond 30 days is silently cut, or refused on extension; not so by releases
    # before 1.9.8, which may be upgraded.
    longest: int | None = _LONGEST
    extends = True
    _VERSION = _VERSION
    _INSPECT = _INSPECT
    _EXTRACT = _EXTRACT
    _TOKENS = pb.ExtractAuthTokensResponse

    @property
    def endless(self) -> bool:
        """Not from 1.9.8 until 1.11.0."""
        return releases.has(self.release, Feature.ENDLESS)

    async def who_am_i(self, token: Masked) -> Identity:
        """auth.API/WhoAmI, whose ttl is whole seconds left, -1 for no end."""
        who = await self._client.call(_WHO_AM_I, pb.WhoAmIRequest(), token)
        if who.ttl < 0 or (who.ttl == 0 and not releases.has(await self._known(), Feature.END)):
            return Identity(who.username, None)
        return Identity(who.username, time.time() + who.ttl)

    async def rights(self, admin: Masked) -> frozenset[Right]:
        """A cluster admin may do all that 1.x has, anybody else nothing of it.

        GetAdmins is asked first: unlike WhoAmI it says when auth is but partially activated.
        """
        await self._client.call(_ADMINS, pb.GetAdminsRequest(), admin)
        who = await self._client.call(_WHO_AM_I, pb.WhoAmIRequest(), admin)
        known = await self._known()
        can = (right for right, needs in _RIGHTS.items() if not needs or releases.has(known, needs))
        return frozenset(can if who.is_admin else ())

    async def mint(self, admin: Masked, subject: str, ttl: int | None) -> Minted:
        """auth.API/GetAuthToken."""
        if ttl is None:
            endless = releases.has(await self._known(), Feature.ENDLESS)
            ttl = _NO_END if endless else _LONGEST
        request = pb.GetAuthTokenRequest(subject=subject, ttl=ttl)
        reply = await self._client.call(_GET, request, admin, outlives=True)
        return Minted(Masked(reply.token), reply.subject or subject)

    async def extend(self, admin: Masked, token: Masked, ttl: int) -> None:
        """auth.API/ExtendAuthToken, for which a shorter life than the token has is an error."""
        request = pb.ExtendAuthTokenRequest(token=token.reveal(), ttl=ttl)
        try:
            await self._client.call(_EXTEND, request, admin)
        except PachdError as error:
            if error.meaning is not Meaning.LONGER:
                raise

    async def revoke(self, caller: Masked, token: Masked) -> int:
        """auth.API/RevokeAuthToken, for which a token already gone is an error.

        Not so before 1.11.8, where it answers nothing but OK. It calls auth not activated also
        while auth is partially so, when tokens may live; GetAdmins tells the two apart, and its
        refusal is the one raised.
        """
        if not releases.has(await self._known(), Feature.COUNT):
            return await self._proven(token, lambda: self._revoke(caller, token))
        return await self._revoke(caller, token)

    async def _revoke(self, caller: Masked, token: Masked) -> int:
        request = pb.RevokeAuthTokenRequest(token=token.reveal())
        try:
            await self._client.call(_REVOKE, request, caller)
        except PachdError as error:
            if error.meaning is Meaning.GONE:
                return 0
            if error.meaning is Meaning.NOT_ACTIVATED:
                await self._client.call(_ADMINS, pb.GetAdminsRequest(), caller)
                raise BackendError("pachd has activated auth just now: try again") from None
            raise
        return 1

    async def revoke_subject(self, admin: Masked, subject: str) -> int:
        """Refuse: 1.x has no such call."""
        del admin
        raise UserError(
            f"pachd 1.x cannot revoke all tokens of a subject: revoke their leases with `vault"
            f" lease revoke -prefix <mount>/login/{subject}`"
        )

    async def restore(self, admin: Masked, token: Masked, subject: str, ends: float | None) -> None:
        """auth.API/RestoreAuthToken, which keeps the whole seconds that are left, rounded down."""
        entry = pb.HashedAuthToken(
            hashed_token=hashed(token),
            token_info=pb.TokenInfo(subject=subject, source=pb.TokenInfo.GET_TOKEN),
        )
        if ends is not None:
            entry.expiration.seconds = int(ends + 1)
            entry.expiration.nanos = int(ends % 1 * 1e9)
        try:
            await self._client.call(_RESTORE, pb.RestoreAuthTokenRequest(token=entry), admin)
        except PachdError as error:
            if error.meaning is not Meaning.WRONG_GENERATION:
                raise
            await self.version()  # raises the same, unless it is this method alone: so 1.8 says it
            missing = "unknown method RestoreAuthToken for service auth.API"
            raise PachdError(error.address, Status.UNIMPLEMENTED, missing) from None

    @staticmethod
    def _subject(entry: Any) -> str:
        subject: str = entry.token_info.subject
        return subject

    async def check_grant(self, grant: Grant) -> None:
        """Only one scope on a repo."""
        if grant.kind != grants.REPO or grant.roles[1:] or grant.roles[0] not in grants.SCOPES:
            await self._confirm()
            raise UserError(
                f"invalid grants: pachd 1.x grants one of {', '.join(grants.SCOPES)} on a repo;"
                f" write repo:<repo>=READER, not {grant.texts[0]}"
            )
        await self.require(Feature.GRANT)

    async def grant(self, admin: Masked, subject: str, grant: Grant) -> None:
        """auth.API/SetScope."""
        await self._scope(admin, subject, grant.name, grant.roles[0])

    async def ungrant(self, admin: Masked, subject: str, grant: Grant) -> None:
        """auth.API/SetScope with NONE."""
        try:
            await self._scope(admin, subject, grant.name, "NONE")
        except PachdError as error:
            if error.meaning is not Meaning.NO_RESOURCE:
                raise

    async def _scope(self, admin: Masked, subject: str, repo: str, scope: str) -> None:
        request = pb.SetScopeRequest(username=subject, repo=repo, scope=scope)
        await self._client.call(_SET_SCOPE, request, admin)

    async def rotate_root(self, admin: Masked, token: Masked) -> None:
        """1.x has no root user; callers ask the subject first."""
        raise NotImplementedError
