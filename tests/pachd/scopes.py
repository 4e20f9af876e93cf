"""The methods of 1.x's auth API that read and write access lists."""

from tests.pachd.call import Call
from tests.pachd.cluster_v1 import ClusterV1
from tests.pachd.proto import auth_v1_pb2 as pb
from tests.pachd.refusal import ADMINS_ONLY, Refusal

SPEC_REPO = "__spec__"


class Scopes(ClusterV1):
    """A 1.x cluster as far as its access lists go."""

    async def authorize(self, call: Call, request: pb.AuthorizeRequest) -> pb.AuthorizeResponse:
        subject = self.caller(call).subject
        if subject in self.admins:
            return pb.AuthorizeResponse(authorized=True)
        if request.repo == SPEC_REPO:
            return pb.AuthorizeResponse(authorized=request.scope == pb.READER)
        if not self.enterprise_active and not subject.startswith("pipeline:"):
            raise Refusal(ADMINS_ONLY)
        allowed = self.access.scope(request.repo, subject) >= request.scope
        return pb.AuthorizeResponse(authorized=allowed)

    async def get_scope(self, call: Call, request: pb.GetScopeRequest) -> pb.GetScopeResponse:
        caller = self.caller(call).subject
        self.require_license(caller)
        target = self.canonical(request.username) if request.username else caller
        if request.username and caller not in self.admins:
            for repo in request.repos:
                self._require_scope(caller, repo, pb.READER)
        return pb.GetScopeResponse(
            scopes=[self.access.scope(repo, target) for repo in request.repos]
        )

    async def set_scope(self, call: Call, request: pb.SetScopeRequest) -> pb.SetScopeResponse:
        for name in ("username", "repo"):
            if not getattr(request, name):
                raise Refusal(f"invalid request: must set {name}")
        caller = self.caller(call).subject
        self.access.require(request.repo)
        if caller not in self.admins:
            if not self.enterprise_active:
                raise Refusal(
                    "Pachyderm Enterprise is not active in this cluster "
                    "(only a cluster admin can set a scope)"
                )
            self._require_scope(caller, request.repo, pb.OWNER)
        self.access.set(request.repo, self.canonical(request.username), request.scope)
        return pb.SetScopeResponse()

    async def get_acl(self, call: Call, request: pb.GetACLRequest) -> pb.GetACLResponse:
        if not request.repo:
            raise Refusal("invalid request: must provide name of repo to get that repo's ACL")
        self.require_license(self.caller(call).subject)
        entries = self.access.entries(request.repo).items()
        return pb.GetACLResponse(
            entries=[pb.ACLEntry(username=name, scope=scope) for name, scope in entries]
        )

    def _require_scope(self, subject: str, repo: str, scope: pb.Scope) -> None:
        if self.access.scope(repo, subject) < scope:
            raise Refusal(
                f"{subject} is not authorized to perform this operation on the repo {repo}, "
                f"must have at least {pb.Scope.Name(scope)} access"
            )
