"""The auth, version and admin API of 1.x, method by method, but for its access lists."""

from collections.abc import Mapping

from google.protobuf import empty_pb2
from google.protobuf.timestamp_pb2 import Timestamp
from grpc import StatusCode

from tests.pachd.call import Call, Handler, Methods, Stream, typed
from tests.pachd.cluster_v1 import Auth, admins_only
from tests.pachd.proto import admin_v2_pb2, version_pb2
from tests.pachd.proto import auth_v1_pb2 as pb
from tests.pachd.refusal import Refusal, bad_token, expired, same_hash
from tests.pachd.releases import MONTH, Callers, Unknown
from tests.pachd.scopes import Scopes
from tests.pachd.tokens import Lease, hashed, in_turns, new_token


class PachdV1(Scopes):
    """A 1.x cluster."""

    @property
    def streams(self) -> Mapping[str, Stream]:
        return {}

    @property
    def services(self) -> Mapping[str, Methods]:
        lacking = set() if self.release.restores else {"RestoreAuthToken", "ExtractAuthTokens"}
        handlers = self._handlers()
        return {
            "auth.API": typed(pb, {n: h for n, h in handlers.items() if n not in lacking}),
            "versionpb.API": {"GetVersion": (empty_pb2.Empty, self.get_version)},
            "admin.API": typed(admin_v2_pb2, {"InspectCluster": self.inspect_cluster}),
        }

    def _handlers(self) -> dict[str, Handler]:
        """Return the methods of the auth API."""
        return {
            "Activate": self.activate,
            "Authenticate": self.authenticate,
            "Authorize": self.authorize,
            "Deactivate": self.deactivate,
            "ExtendAuthToken": self.extend_auth_token,
            "ExtractAuthTokens": self.extract_auth_tokens,
            "GetACL": self.get_acl,
            "GetAdmins": self.get_admins,
            "GetAuthToken": self.get_auth_token,
            "GetScope": self.get_scope,
            "ModifyAdmins": self.modify_admins,
            "RestoreAuthToken": self.restore_auth_token,
            "RevokeAuthToken": self.revoke_auth_token,
            "SetScope": self.set_scope,
            "WhoAmI": self.who_am_i,
        }

    async def get_version(self, call: Call, request: empty_pb2.Empty) -> version_pb2.Version:
        major, minor, micro = self.release.version
        return version_pb2.Version(major=major, minor=minor, micro=micro)

    async def inspect_cluster(
        self, call: Call, request: admin_v2_pb2.InspectClusterRequest
    ) -> admin_v2_pb2.ClusterInfo:
        deployment = self.id if self.release.deployment_id else ""
        return admin_v2_pb2.ClusterInfo(id=self.id, deployment_id=deployment)

    async def activate(self, call: Call, request: pb.ActivateRequest) -> pb.ActivateResponse:
        if not self.enterprise_active:
            raise Refusal(
                "Pachyderm Enterprise is not active in this cluster, and the Pachyderm auth API "
                "is an Enterprise-level feature"
            )
        if self.auth is Auth.ACTIVE:
            raise Refusal("already activated")
        subject = "pach:root" if request.root_token else request.subject
        subject = self.canonical(subject) if subject else f"github:{request.github_token}"
        if subject.startswith("github:") and subject != f"github:{request.github_token}":
            raise Refusal(
                f'asserted subject "{subject}" did not match owner of GitHub token '
                f'"github:{request.github_token}"'
            )
        if not subject.startswith(("github:", "pach:", "robot:")):
            raise Refusal(
                f'invalid subject in request (must be a GitHub user or robot): "{subject}"'
            )
        token = request.root_token or new_token()
        self.activated_by(subject, token, ttl=MONTH if subject.startswith("github:") else 0)
        return pb.ActivateResponse(pach_token=token)

    async def deactivate(self, call: Call, request: pb.DeactivateRequest) -> pb.DeactivateResponse:
        if self.auth is Auth.ACTIVE:
            self.admin(call, "DeactivateAuth")
            self.tokens.clear()
            self.access.clear()
        self.admins.clear()
        self.auth = Auth.INACTIVE
        return pb.DeactivateResponse()

    async def authenticate(
        self, call: Call, request: pb.AuthenticateRequest
    ) -> pb.AuthenticateResponse:
        if not request.github_token:
            raise Refusal("unrecognized authentication mechanism (old pachd?)")
        subject = f"github:{request.github_token}"
        self.require_license(subject)
        token = self.mint(subject, pb.TokenInfo.AUTHENTICATE, MONTH)
        return pb.AuthenticateResponse(pach_token=token)

    async def who_am_i(self, call: Call, request: pb.WhoAmIRequest) -> pb.WhoAmIResponse:
        caller = self.caller(call)
        is_admin = caller.subject in self.admins
        return pb.WhoAmIResponse(
            username=caller.subject,
            is_admin=is_admin,
            ttl=self.tokens.ttl(caller) if self.release.tells_end else 0,
            cluster_roles=self._roles(is_admin) if self.release.cluster_roles else None,
        )

    def _roles(self, is_admin: bool) -> pb.ClusterRoles:
        return pb.ClusterRoles(roles=[pb.SUPER] if is_admin else [])

    async def get_admins(self, call: Call, request: pb.GetAdminsRequest) -> pb.GetAdminsResponse:
        self.caller(call)
        return pb.GetAdminsResponse(admins=sorted(self.admins))

    async def modify_admins(
        self, call: Call, request: pb.ModifyAdminsRequest
    ) -> pb.ModifyAdminsResponse:
        for both in set(request.add) & set(request.remove):
            raise Refusal(f'Invalid Request: "{both}" both added and removed as admin')
        self.admin(call, self.release.modify_admins)
        try:
            added = {self.canonical(subject) for subject in request.add}
            removed = {self.canonical(subject) for subject in request.remove}
            if not (self.admins | added) - removed:
                raise Refusal(
                    "invalid request: cannot remove all cluster administrators while auth is "
                    "active, to avoid unfixable cluster states"
                )
        except Refusal as refusal:
            raise Refusal(f"error applying cluster role bindings: {refusal}") from None
        self.admins = (self.admins | added) - removed
        return pb.ModifyAdminsResponse()

    async def get_auth_token(
        self, call: Call, request: pb.GetAuthTokenRequest
    ) -> pb.GetAuthTokenResponse:
        caller = self.caller(call)
        is_admin = caller.subject in self.admins
        may = {Callers.ALL: True, Callers.NONE: False, Callers.ADMINS: is_admin}
        if request.ttl < 0 and not may[self.release.endless]:
            raise Refusal("GetAuthTokenRequest.TTL must be >= 0")
        if not request.subject and not self.release.mints_for_caller:
            raise Refusal("must set GetAuthTokenRequest.Subject")
        subject = self.canonical(request.subject) if request.subject else caller.subject
        if not is_admin and subject != caller.subject:
            raise admins_only(
                caller.subject, f"{self.release.for_others} on behalf of another user"
            )
        if subject.startswith("pach:"):
            raise Refusal("GetAuthTokenRequest.Subject is invalid")
        ttl = self._life(caller, is_admin, request.ttl)
        token = self.mint(subject, pb.TokenInfo.GET_TOKEN, ttl)
        return pb.GetAuthTokenResponse(token=token, subject=subject)

    def _life(self, caller: Lease, is_admin: bool, asked: int) -> int:
        """Return the TTL of a new token, 0 or less for no end."""
        if self.release.longest is None:
            return asked
        # A caller's own token without end, or in its last second, has no end in it either.
        longest = self.release.longest if is_admin else self.tokens.ttl(caller)
        return longest if asked == 0 or asked > longest else asked

    async def extend_auth_token(
        self, call: Call, request: pb.ExtendAuthTokenRequest
    ) -> pb.ExtendAuthTokenResponse:
        if request.ttl == 0:
            raise Refusal("invalid request: ExtendAuthTokenRequest.TTL must be > 0")
        self.admin(call, "ExtendAuthToken")
        if request.ttl > MONTH:
            raise Refusal(f"can only extend tokens by at most {MONTH} seconds")
        key = hashed(request.token)
        lease = self.tokens.get(key)
        if lease is None:
            raise bad_token()
        left = self.tokens.ttl(lease)
        if request.ttl < left:
            raise Refusal(
                f"provided TTL ({request.ttl}) is shorter than token's existing TTL ({left})"
            )
        self.tokens.put(key, lease.subject, lease.source, request.ttl)
        return pb.ExtendAuthTokenResponse()

    async def revoke_auth_token(
        self, call: Call, request: pb.RevokeAuthTokenRequest
    ) -> pb.RevokeAuthTokenResponse:
        caller = self.caller(call)
        key = hashed(request.token)
        lease = self.tokens.get(key)
        unknown = self.release.unknown_token
        if lease is None and unknown is Unknown.OK:
            return pb.RevokeAuthTokenResponse()
        if lease is None and unknown is Unknown.GONE:
            raise Refusal("token has expired or is already revoked", StatusCode.INTERNAL)
        subject = "" if lease is None else lease.subject
        if caller.subject not in self.admins and caller.subject != subject:
            raise admins_only(caller.subject, "RevokeAuthToken on another user's token")
        if lease is None:
            raise Refusal(f" pachyderm_auth/tokens/{key} not found")
        self.tokens.delete(key)
        return pb.RevokeAuthTokenResponse()

    async def extract_auth_tokens(
        self, call: Call, request: pb.ExtractAuthTokensRequest
    ) -> pb.ExtractAuthTokensResponse:
        self.admin(call, "ExtractAuthTokens")
        response = pb.ExtractAuthTokensResponse()
        async for key, lease in in_turns(self.tokens.newest_first()):
            if lease.subject.startswith("robot:"):
                told = pb.TokenInfo(subject=lease.subject, source=lease.source)
                response.tokens.add(hashed_token=key, token_info=told, expiration=self._end(lease))
        return response

    async def restore_auth_token(
        self, call: Call, request: pb.RestoreAuthTokenRequest
    ) -> pb.RestoreAuthTokenResponse:
        self.admin(call, "RestoreAuthToken")
        token, ttl = request.token, 0
        if token.HasField("expiration"):
            # Rounded toward zero, where 0 means no end: the trap of the last second.
            ttl = int(token.expiration.ToNanoseconds() / 1e9 - self.clock.now())
            if ttl < 0:
                raise expired()
        if self.tokens.get(token.hashed_token) is not None:
            raise Refusal(f"error restoring auth token: {same_hash()}")
        self.tokens.put(token.hashed_token, token.token_info.subject, token.token_info.source, ttl)
        return pb.RestoreAuthTokenResponse()

    def _end(self, lease: Lease) -> Timestamp | None:
        if lease.expires is None:
            return None
        end = Timestamp()
        end.FromNanoseconds(int((self.clock.now() + self.tokens.ttl(lease)) * 1e9))
        return end
