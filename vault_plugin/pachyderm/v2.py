"""pachd 2.x: ``/auth_v2.API`` and ``/versionpb_v2.API``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from google.protobuf.empty_pb2 import Empty

from shim import Masked, UserError
from shim.grpc import Method
from vault_plugin import grants
from vault_plugin.pachyderm.api import Identity, Minted, Right
from vault_plugin.pachyderm.errors import Meaning, PachdError
from vault_plugin.pachyderm.proto import v2_pb2 as pb
from vault_plugin.tokens import hashed

if TYPE_CHECKING:
    from vault_plugin.grants import Grant
    from vault_plugin.pachyderm.client import Client

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
_ROTATE_ROOT = Method(
    "/auth_v2.API/RotateRootToken", pb.RotateRootTokenRequest, pb.RotateRootTokenResponse
)
_BIND = Method(
    "/auth_v2.API/ModifyRoleBinding", pb.ModifyRoleBindingRequest, pb.ModifyRoleBindingResponse
)
_PERMISSIONS = {
    pb.CLUSTER_AUTH_GET_ROBOT_TOKEN: Right.MINT,
    pb.CLUSTER_AUTH_RESTORE_TOKEN: Right.RESTORE,
    pb.CLUSTER_AUTH_REVOKE_USER_TOKENS: Right.REVOKE_SUBJECT,
    pb.CLUSTER_AUTH_ROTATE_ROOT_TOKEN: Right.ROTATE_ROOT,
    pb.REPO_MODIFY_BINDINGS: Right.GRANT,
}
_RESOURCES = {grants.CLUSTER: pb.CLUSTER, grants.PROJECT: pb.PROJECT, grants.REPO: pb.REPO}
_NO_END = 0  # as a ttl


class V2:
    """The API of a 2.x pachd."""

    generation = "2.x"
    longest: int | None = None
    extends = False

    def __init__(self, client: Client) -> None:
        self._client = client

    async def version(self) -> str:
        """versionpb_v2.API/GetVersion."""
        v = await self._client.call(_VERSION, Empty())
        return f"{v.major}.{v.minor}.{v.micro}{v.additional}"

    async def who_am_i(self, token: Masked) -> Identity:
        """auth_v2.API/WhoAmI, whose expiration is absent for no end."""
        who = await self._client.call(_WHO_AM_I, pb.WhoAmIRequest(), token)
        ends = who.expiration.ToNanoseconds() / 1e9 if who.HasField("expiration") else None
        return Identity(who.username, ends)

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
        """auth_v2.API/RevokeAuthToken, which counts."""
        request = pb.RevokeAuthTokenRequest(token=token.reveal())
        return (await self._client.call(_REVOKE, request, caller)).number

    async def revoke_subject(self, admin: Masked, subject: str) -> int:
        """auth_v2.API/RevokeAuthTokensForUser, which needs clusterAdmin."""
        request = pb.RevokeAuthTokensForUserRequest(username=subject)
        return (await self._client.call(_REVOKE_FOR_USER, request, admin)).number

    async def restore(self, admin: Masked, token: Masked, subject: str, ends: float | None) -> None:
        """auth_v2.API/RestoreAuthToken, which needs clusterAdmin."""
        entry = pb.TokenInfo(subject=subject, hashed_token=hashed(token))
        if ends is not None:
            entry.expiration.FromNanoseconds(int(ends * 1e9))
        await self._client.call(_RESTORE, pb.RestoreAuthTokenRequest(token=entry), admin)

    def check_grant(self, grant: Grant) -> None:
        """A repo is named with its project."""
        if grant.kind == grants.REPO and grant.name.count("/") != 1:
            raise UserError(
                f"invalid grants: write repo:<project>/<repo>=<role>, such as"
                f" repo:default/{grant.name}={grant.roles[0]}"
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
