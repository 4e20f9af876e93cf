"""The auth, version and admin API of 2.x, method by method."""

from collections.abc import Mapping

from google.protobuf import empty_pb2
from google.protobuf.timestamp_pb2 import Timestamp
from grpc import StatusCode

from tests.pachd.bindings import key_of
from tests.pachd.call import Call, Methods, typed
from tests.pachd.cluster_v2 import ROOT
from tests.pachd.files import Files
from tests.pachd.proto import admin_v2_pb2, version_pb2
from tests.pachd.proto import auth_v2_pb2 as pb
from tests.pachd.refusal import Refusal, expired
from tests.pachd.roles import EVERY_PERMISSION, ROLES
from tests.pachd.subjects import check_v2
from tests.pachd.tokens import Row, hashed, in_turns, new_token

WEB = admin_v2_pb2.WebResource(
    archive_download_base_url="/archive/",
    create_pipeline_request_json_schema_url=(
        "https://raw.githubusercontent.com/pachyderm/pachyderm/master/src/internal/"
        "jsonschema/pps_v2/CreatePipelineRequest.schema.json"
    ),
)
MODIFY_BINDINGS = {
    pb.CLUSTER: pb.CLUSTER_MODIFY_BINDINGS,
    pb.PROJECT: pb.PROJECT_MODIFY_BINDINGS,
    pb.REPO: pb.REPO_MODIFY_BINDINGS,
}


class PachdV2(Files):
    """A 2.x cluster or enterprise server."""

    addition = ""  #: what its version ends with

    @property
    def services(self) -> Mapping[str, Methods]:
        return {
            "auth_v2.API": typed(
                pb,
                {
                    "Activate": self.activate,
                    "Authorize": self.authorize,
                    "DeleteExpiredAuthTokens": self.delete_expired_auth_tokens,
                    "ExtractAuthTokens": self.extract_auth_tokens,
                    "GetPermissions": self.get_permissions,
                    "GetPermissionsForPrincipal": self.get_permissions_for_principal,
                    "GetRobotToken": self.get_robot_token,
                    "GetRoleBinding": self.get_role_binding,
                    "ModifyRoleBinding": self.modify_role_binding,
                    "RestoreAuthToken": self.restore_auth_token,
                    "RevokeAuthToken": self.revoke_auth_token,
                    "RevokeAuthTokensForUser": self.revoke_auth_tokens_for_user,
                    "RotateRootToken": self.rotate_root_token,
                    "WhoAmI": self.who_am_i,
                },
            ),
            "versionpb_v2.API": {"GetVersion": (empty_pb2.Empty, self.get_version)},
            "admin_v2.API": typed(admin_v2_pb2, {"InspectCluster": self.inspect_cluster}),
        }

    async def get_version(self, call: Call, request: empty_pb2.Empty) -> version_pb2.Version:
        major, minor, micro = self.release.version
        built = {"go_version": "go1.26.8", "platform": "amd64"} if self.release.built else {}
        return version_pb2.Version(
            major=major, minor=minor, micro=micro, additional=self.addition, **built
        )

    async def inspect_cluster(
        self, call: Call, request: admin_v2_pb2.InspectClusterRequest
    ) -> admin_v2_pb2.ClusterInfo:
        warning = (
            "WARNING: The client used to connect to Pachyderm did not send its version, which "
            "means that it is likely too old.  Please upgrade it."
        )
        warned = self.release.warns and not request.HasField("client_version")
        return admin_v2_pb2.ClusterInfo(
            id=self.id,
            warnings_ok=self.release.warns,
            warnings=[warning] if warned else [],
            web_resources=WEB if self.release.web else None,
        )

    async def activate(self, call: Call, request: pb.ActivateRequest) -> pb.ActivateResponse:
        async with self.database.connection():
            if self.active:
                await self.caller(call)
                raise Refusal("the auth service is already activated", StatusCode.UNIMPLEMENTED)
            self.activated_by(request.root_token or new_token())
        return pb.ActivateResponse(pach_token=self.root_token)

    async def authorize(self, call: Call, request: pb.AuthorizeRequest) -> pb.AuthorizeResponse:
        async with self.database.connection():
            subject = (await self.caller(call)).subject
            found = self.bindings.evaluate(subject, request.resource, request.permissions)
        return pb.AuthorizeResponse(
            authorized=not found.missing,
            satisfied=found.satisfied,
            missing=found.missing,
            principal=subject,
        )

    async def get_permissions(
        self, call: Call, request: pb.GetPermissionsRequest
    ) -> pb.GetPermissionsResponse:
        try:
            return await self._permissions(call.subject or "", request.resource)
        except Refusal as refusal:
            raise Refusal(f"cannot get permissions for principal: {refusal}") from None

    async def get_permissions_for_principal(
        self, call: Call, request: pb.GetPermissionsForPrincipalRequest
    ) -> pb.GetPermissionsResponse:
        return await self._permissions(request.principal, request.resource)

    async def who_am_i(self, call: Call, request: pb.WhoAmIRequest) -> pb.WhoAmIResponse:
        row = await self.caller(call)
        return pb.WhoAmIResponse(username=row.subject, expiration=_timestamp(row))

    async def modify_role_binding(
        self, call: Call, request: pb.ModifyRoleBindingRequest
    ) -> pb.ModifyRoleBindingResponse:
        resource = request.resource
        async with self.database.connection():
            check_v2(request.principal)
            if request.principal.startswith("pach:") and resource.type == pb.CLUSTER:
                raise Refusal("cannot modify cluster role bindings for pach: users")
            if resource.type == pb.PROJECT and not self.release.projects:
                raise Refusal(f"unknown resource type {pb.PROJECT}")
            if resource.type not in MODIFY_BINDINGS:
                raise Refusal(f"unknown resource type {pb.ResourceType.Name(resource.type)}")
            self.require(call.subject or "", resource, MODIFY_BINDINGS[resource.type])
            self.bindings.set(key_of(resource), request.principal, request.roles)
        return pb.ModifyRoleBindingResponse()

    async def get_role_binding(
        self, call: Call, request: pb.GetRoleBindingRequest
    ) -> pb.GetRoleBindingResponse:
        async with self.database.connection():
            entries = self.bindings.get(key_of(request.resource))
        told = {name: pb.Roles(roles=dict.fromkeys(roles, True)) for name, roles in entries.items()}
        return pb.GetRoleBindingResponse(binding=pb.RoleBinding(entries=told))

    async def get_robot_token(
        self, call: Call, request: pb.GetRobotTokenRequest
    ) -> pb.GetRobotTokenResponse:
        name = request.robot.removeprefix("robot:")
        if ":" in name:
            raise Refusal("robot names cannot contain colons (':')")
        token = new_token()
        async with self.database.connection():
            try:
                self.tokens.insert(hashed(token), f"robot:{name}", request.ttl)
            except Refusal as refusal:
                if request.ttl <= 0 or not self.release.principals:
                    raise
                raise Refusal(f"could not generate and insert auth token: {refusal}") from None
        return pb.GetRobotTokenResponse(token=token)

    async def revoke_auth_token(
        self, call: Call, request: pb.RevokeAuthTokenRequest
    ) -> pb.RevokeAuthTokenResponse:
        async with self.database.connection():
            number = self.tokens.delete(hashed(request.token))
        return pb.RevokeAuthTokenResponse(number=number if self.release.counts else 0)

    async def revoke_auth_tokens_for_user(
        self, call: Call, request: pb.RevokeAuthTokensForUserRequest
    ) -> pb.RevokeAuthTokensForUserResponse:
        if request.username.startswith("pach:"):
            raise Refusal("cannot revoke tokens for pach: users")
        async with self.database.connection():
            number = self.tokens.delete_subject(request.username)
        return pb.RevokeAuthTokensForUserResponse(number=number if self.release.counts else 0)

    async def extract_auth_tokens(
        self, call: Call, request: pb.ExtractAuthTokensRequest
    ) -> pb.ExtractAuthTokensResponse:
        async with self.database.connection():
            response = pb.ExtractAuthTokensResponse()
            async for key, row in in_turns(self.tokens.items()):
                if row.subject.startswith("robot:"):
                    response.tokens.add(
                        subject=row.subject, expiration=_timestamp(row), hashed_token=key
                    )
        return response

    async def restore_auth_token(
        self, call: Call, request: pb.RestoreAuthTokenRequest
    ) -> pb.RestoreAuthTokenResponse:
        token, ttl = request.token, 0
        if token.HasField("expiration"):
            # Rounded toward zero, where 0 means no end: the trap of the last second.
            ttl = int(token.expiration.ToNanoseconds() / 1e9 - self.clock.now())
            if ttl < 0:
                raise expired()
        async with self.database.connection():
            try:
                self.tokens.insert(token.hashed_token, token.subject, ttl)
            except Refusal as refusal:
                raise Refusal(f"error restoring auth token: {refusal}") from None
        return pb.RestoreAuthTokenResponse()

    async def delete_expired_auth_tokens(
        self, call: Call, request: pb.DeleteExpiredAuthTokensRequest
    ) -> pb.DeleteExpiredAuthTokensResponse:
        async with self.database.connection():
            self.tokens.delete_expired()
        return pb.DeleteExpiredAuthTokensResponse()

    async def rotate_root_token(
        self, call: Call, request: pb.RotateRootTokenRequest
    ) -> pb.RotateRootTokenResponse:
        if self.root_token_in_environment:
            raise Refusal(
                "RotateRootToken() is disabled when the root token is configured in the environment"
            )
        token = request.root_token or new_token()
        async with self.database.connection():
            holder = self.tokens.get(hashed(token))
            if holder is None or holder.subject == ROOT:
                self.tokens.delete_subject(ROOT)
            # Refused when another subject holds the same token, and then nothing has changed.
            self.tokens.insert(hashed(token), ROOT, 0)
        self.root_token = token
        return pb.RotateRootTokenResponse(root_token=token)

    async def _permissions(
        self, principal: str, resource: pb.Resource
    ) -> pb.GetPermissionsResponse:
        async with self.database.connection():
            try:
                found = self.bindings.evaluate(principal, resource, EVERY_PERMISSION)
            except Refusal as refusal:
                raise Refusal(f"cannot evaluate role binding: {refusal}") from None
        roles = sorted(role for role in found.roles if resource.type in ROLES[role].told_for)
        permissions = [number for role in roles for number in ROLES[role].permissions]
        return pb.GetPermissionsResponse(permissions=permissions, roles=roles)


def _timestamp(row: Row) -> Timestamp | None:
    if row.expires is None:
        return None
    return Timestamp(seconds=row.expires // 1_000_000, nanos=row.expires % 1_000_000 * 1000)
