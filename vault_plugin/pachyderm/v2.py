"""pachd 2.x: ``/auth_v2.API`` and ``/versionpb_v2.API``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from google.protobuf.empty_pb2 import Empty

from shim import BackendError, Masked, UserError
from shim.grpc import Method
from vault_plugin import grants
from vault_plugin.pachyderm import release as releases
from vault_plugin.pachyderm.api import Identity, Minted, Right
from vault_plugin.pachyderm.errors import Meaning, PachdError
from vault_plugin.pachyderm.extract import LARGEST, RawAnswer
from vault_plugin.pachyderm.proto import v2_pb2 as pb
from vault_plugin.pachyderm.release import Feature
from vault_plugin.pachyderm.spoken import Spoken
from vault_plugin.tokens import hashed

if TYPE_CHECKING:
    from vault_plugin.grants import Grant

_VERSION = Method("/versionpb_v2.API/GetVersion", Empty, pb.Version)
_WHO_AM_I = Method("/auth_v2.API/WhoAmI", pb.WhoAmIRequest, pb.WhoAmIResponse)
_AUTHORIZE = Method("/auth_v2.API/Authorize", pb.AuthorizeRequest, pb.AuthorizeResponse)
_GET_ROBOT = Method("/auth_v2.API/GetRobotToken", pb.GetRobotTokenRequest, pb.GetRobotTokenResponse)
_REVOKE = Method(
    "/auth_v2.API/RevokeAuthToken", pb.RevokeAuthTokenRequest, pb.RevokeAuthTokenResponse
)
_REVOKE_FOR_USER = Method(
    "/auth_v2.API/RevokeAuthTokensForUser",
    pb.RevokeAuthTokensForUserRequest,
    pb.RevokeAuthTokensForUserResponse,
)
_RESTORE = Method(
    "/auth_v2.API/RestoreAuthToken", pb.RestoreAuthTokenRequest, pb.RestoreAuthTokenResponse
)
_EXTRACT = Method(
    "/auth_v2.API/ExtractAuthTokens", pb.ExtractAuthTokensRequest, RawAnswer, max_reply=LARGEST
)
_INSPECT = Method("/admin_v2.API/InspectCluster", pb.InspectClusterRequest, pb.ClusterInfo)
_ROTATE_ROOT = Method(
    "/auth_v2.API/RotateRootToken", pb.RotateRootTokenRequest, pb.RotateRootTokenResponse
)
_BIND = Method(
    "/auth_v2.API/ModifyRoleBinding", pb.ModifyRoleBindingRequest, pb.ModifyRoleBindingResponse
)
_PERMISSIONS = {
    pb.CLUSTER_AUTH_GET_ROBOT_TOKEN: Right.MINT,
    pb.CLUSTER_AUTH_RESTORE_TOKEN: Right.RESTORE,
    pb.CLUSTER_AUTH_EXTRACT_TOKENS: Right.EXTRACT,
    pb.CLUSTER_AUTH_REVOKE_USER_TOKENS: Right.REVOKE_SUBJECT,
    pb.CLUSTER_AUTH_ROTATE_ROOT_TOKEN: Right.ROTATE_ROOT,
    pb.REPO_MODIFY_BINDINGS: Right.GRANT,
}
_RESOURCES = {grants.CLUSTER: pb.CLUSTER, grants.PROJECT: pb.PROJECT, grants.REPO: pb.REPO}
_NO_END = 0  # as a ttl


class V2(Spoken):
    """The API of a 2.x pachd."""

    generation = "2.x"
    longest: int | None = None
    extends = False
    endless = True
    _VERSION = _VERSION
    _INSPECT = _INSPECT
    _EXTRACT = _EXTRACT
    _TOKENS = pb.ExtractAuthTokensResponse

    async def who_am_i(self, token: Masked) -> Identity:
        """auth_v2.API/WhoAmI, whose expiration is absent for no end."""
        who = await self._client.call(_WHO_AM_I, pb.WhoAmIRequest(), token)
        end = who.expiration
        expires = end.seconds + end.nanos / 1e9 if who.HasField("expiration") else None
        return Identity(who.username, expires)

    async def rights(self, admin: Masked) -> frozenset[Right]:
        """auth_v2.API/Authorize on the cluster, which answers for each permission."""
        request = pb.AuthorizeRequest(
            resource=pb.Resource(type=pb.CLUSTER), permissions=list(_PERMISSIONS)
        )
        reply = await self._client.call(_AUTHORIZE, request, admin)
        return frozenset(_PERMISSIONS[satisfied] for satisfied in reply.satisfied)

    async def mint(self, admin: Masked, subject: str, ttl: int | None) -> Minted:
        """auth_v2.API/GetRobotToken; `subject` is a robot."""
        request = pb.GetRobotTokenRequest(
            robot=subject.removeprefix("robot:"), ttl=_NO_END if ttl is None else ttl
        )
        reply = await self._client.call(_GET_ROBOT, request, admin, outlives=True)
        return Minted(Masked(reply.token), subject)

    async def extend(self, admin: Masked, token: Masked, ttl: int) -> None:
        """Nothing on 2.x changes a token's life; callers ask `extends` first."""
        raise NotImplementedError

    async def revoke(self, caller: Masked, token: Masked) -> int:
        """auth_v2.API/RevokeAuthToken, which counts from 2.4.3 on; before, OK proves nothing."""

        async def revoke() -> int:
            request = pb.RevokeAuthTokenRequest(token=token.reveal())
            return (await self._client.call(_REVOKE, request, caller)).number

        if await self._counts():
            number = await revoke()
            if number or await self._counts(anew=True):
                return number
        return await self._proven(token, revoke)

    async def revoke_subject(self, admin: Masked, subject: str) -> int | None:
        """auth_v2.API/RevokeAuthTokensForUser, which needs clusterAdmin; it counts as `revoke`."""
        counts = await self._counts()
        held = None if counts else await self._held(admin, subject)
        request = pb.RevokeAuthTokensForUserRequest(username=subject)
        number = (await self._client.call(_REVOKE_FOR_USER, request, admin)).number
        if number or (counts and await self._counts(anew=True)):
            return number
        if await self._held(admin, subject):
            raise BackendError(
                f"pachd did not revoke the tokens of {subject}, though it said so: try again"
            )
        return held

    async def _counts(self, *, anew: bool = False) -> bool:
        """Whether this release tells how many tokens it revoked; asked `anew` for it, if so."""
        if anew:
            await self.version()
        return releases.has(await self._known(), Feature.COUNT)

    async def _held(self, admin: Masked, subject: str) -> int | None:
        """How many tokens pachd has of `subject`; None where it does not tell."""
        if not subject.startswith("robot:"):
            return None
        return sum([1 async for entry in self.extract(admin) if entry.subject == subject])

    @staticmethod
    def _subject(entry: Any) -> str:
        subject: str = entry.subject
        return subject

    async def restore(self, admin: Masked, token: Masked, subject: str, ends: float | None) -> None:
        """auth_v2.API/RestoreAuthToken, which needs clusterAdmin."""
        entry = pb.TokenInfo(subject=subject, hashed_token=hashed(token))
        if ends is not None:
            entry.expiration.seconds = int(ends)
            entry.expiration.nanos = int(ends % 1 * 1e9)
        await self._client.call(_RESTORE, pb.RestoreAuthTokenRequest(token=entry), admin)

    async def check_grant(self, grant: Grant) -> None:
        """A repo is named with its project from 2.5.0 on, when projects came."""
        if grant.kind == grants.PROJECT or any(r.startswith(grants.PROJECT) for r in grant.roles):
            await self.require(Feature.PROJECT)
        await self._known()
        if grant.kind == grants.REPO and not self._names_repo(grant.name):
            await self._confirm()
            if not self._names_repo(grant.name):
                raise UserError(f"invalid grants: {self._how_to_name(grant)}")

    def _names_repo(self, name: str) -> bool:
        return name.count("/") == int(releases.has(self.release, Feature.PROJECT))

    def _how_to_name(self, grant: Grant) -> str:
        repo, role = grant.name.rpartition("/")[2], grant.roles[0]
        if releases.has(self.release, Feature.PROJECT):
            return f"write repo:<project>/<repo>=<role>, such as repo:default/{repo}={role}"
        return (
            f"write repo:<repo>=<role>, such as repo:{repo}={role}: projects need Pachyderm 2.5.0"
            " or later"
        )

    async def grant(self, admin: Masked, subject: str, grant: Grant) -> None:
        """auth_v2.API/ModifyRoleBinding."""
        await self._bind(admin, subject, grant, grant.roles)

    async def ungrant(self, admin: Masked, subject: str, grant: Grant) -> None:
        """auth_v2.API/ModifyRoleBinding without roles."""
        try:
            await self._bind(admin, subject, grant, ())
        except PachdError as error:
            if error.meaning is not Meaning.NO_RESOURCE:
                raise

    async def _bind(
        self, admin: Masked, subject: str, grant: Grant, roles: tuple[str, ...]
    ) -> None:
        resource = pb.Resource(type=_RESOURCES[grant.kind], name=grant.name)
        request = pb.ModifyRoleBindingRequest(resource=resource, principal=subject, roles=roles)
        await self._client.call(_BIND, request, admin)

    async def rotate_root(self, admin: Masked, token: Masked) -> None:
        """auth_v2.API/RotateRootToken, which revokes all other tokens of the root user."""
        request = pb.RotateRootTokenRequest(root_token=token.reveal())
        await self._client.call(_ROTATE_ROOT, request, admin)
