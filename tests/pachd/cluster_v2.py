"""A cluster of generation 2.x: what it stores, and who may enter."""

import uuid
from collections import Counter
from collections.abc import Iterable, Mapping

from google.protobuf.message import Message
from grpc import StatusCode

from tests.pachd.bindings import CLUSTER_KEY, RoleBindings
from tests.pachd.call import Call
from tests.pachd.clock import Clock, RealClock
from tests.pachd.database import Database
from tests.pachd.proto import auth_v2_pb2 as pb
from tests.pachd.refusal import ADMINS_ONLY, Refusal, bad_token, expired, not_activated
from tests.pachd.releases import V2_RELEASES
from tests.pachd.tokens import Row, TokenRows, hashed, new_token

ROOT = "pach:root"
CLUSTER = pb.Resource(type=pb.CLUSTER)

# Who may call what, decided before the handler runs: anybody, anybody signed in (None), or
# whoever has the permission on the cluster.
OPEN = {"Activate", "Authorize", "GetVersion", "InspectCluster", "WhoAmI"}
NEEDS: Mapping[str, pb.Permission | None] = {
    "GetRoleBinding": None,
    "GetPermissions": None,
    "ModifyRoleBinding": None,
    "RevokeAuthToken": None,
    "DeleteExpiredAuthTokens": pb.CLUSTER_AUTH_DELETE_EXPIRED_TOKENS,
    "ExtractAuthTokens": pb.CLUSTER_AUTH_EXTRACT_TOKENS,
    "GetPermissionsForPrincipal": pb.CLUSTER_AUTH_GET_PERMISSIONS_FOR_PRINCIPAL,
    "GetRobotToken": pb.CLUSTER_AUTH_GET_ROBOT_TOKEN,
    "RestoreAuthToken": pb.CLUSTER_AUTH_RESTORE_TOKEN,
    "RevokeAuthTokensForUser": pb.CLUSTER_AUTH_REVOKE_USER_TOKENS,
    "RotateRootToken": pb.CLUSTER_AUTH_ROTATE_ROOT_TOKEN,
}
# The message fields that may not be absent, checked after permissions.
REQUIRED = {
    "Authorize": "resource",
    "GetPermissions": "resource",
    "GetPermissionsForPrincipal": "resource",
    "GetRoleBinding": "resource",
    "ModifyRoleBinding": "resource",
    "RestoreAuthToken": "token",
}


class ClusterV2:
    """Its tokens, role bindings and database."""

    def __init__(
        self,
        *,
        release: str = "2.11",
        clock: Clock | None = None,
        active: bool = True,
        root_token: str | None = None,
        root_token_in_environment: bool = False,
        projects: Iterable[str] | None = None,
        repos: Iterable[str] | None = None,
        cluster_id: str = "",
    ) -> None:
        """Hold ``default/images`` unless told otherwise, where there are no projects ``images``."""
        self.release = V2_RELEASES[release]
        named = self.release.projects
        self.clock = clock or RealClock()
        self.active = False
        self.enterprise_active = True
        self.id = cluster_id or str(uuid.uuid4())
        self.root_token = root_token or new_token()
        self.root_token_in_environment = root_token_in_environment
        self.tokens = TokenRows(self.clock, self.release)
        self.bindings = RoleBindings(
            (["default"] if named else []) if projects is None else projects,
            (["default/images"] if named else ["images"]) if repos is None else repos,
            named=named,
        )
        self.database = Database()
        if active:
            self.activated_by(self.root_token)

    def unknown(self, service: str, method: str, *, served: bool) -> Refusal:
        return self.release.unknown(service, method, served=served)

    async def admit(self, call: Call, request: Message) -> None:
        """Check permissions, then the request's shape: the order of pachd's interceptors."""
        if call.method not in OPEN:
            await self._check_access(call, NEEDS[call.method])
        required = REQUIRED.get(call.method)
        if required is not None and not request.HasField(required):
            raise Refusal(
                f"validate request: invalid {type(request).__name__}.{required.capitalize()}: "
                "value is required",
                StatusCode.INVALID_ARGUMENT,
            )

    def subject_of(self, token: str) -> str | None:
        row = self.tokens.get(hashed(token))
        return None if row is None or self.tokens.expired(row) else row.subject

    def ends(self, token: str) -> float | None:
        row = self.tokens.get(hashed(token))
        if row is None:
            raise LookupError("no such token")
        return None if row.expires is None else row.expires / 1_000_000

    def live(self) -> Counter[str]:
        rows = (row for _, row in self.tokens.items() if not self.tokens.expired(row))
        return Counter(row.subject for row in rows)

    def activated_by(self, root_token: str) -> None:
        """Make this the token of ``pach:root`` and begin the cluster's bindings."""
        self.active = True
        self.root_token = root_token
        admin = frozenset({"clusterAdmin"})
        first = {ROOT: admin, "internal:auth-server": admin}
        everybody = {"allClusterUsers": frozenset({"projectCreator"})}
        self.bindings.create(CLUSTER_KEY, first | (everybody if self.release.projects else {}))
        self.tokens.insert(hashed(root_token), ROOT, 0)

    async def _check_access(self, call: Call, permission: pb.Permission | None) -> None:
        """Let the caller in, or raise; ``call.subject`` is known from here on."""
        if permission is None:
            call.subject = (await self.caller(call)).subject
            return
        # The transaction holds one connection while the caller's token needs another.
        async with self.database.connection():
            call.subject = (await self.caller(call)).subject
            self.require(call.subject, CLUSTER, permission)

    async def caller(self, call: Call) -> Row:
        """Return the caller's token over a connection of its own, raising as 2.x does."""
        if not self.active:
            raise not_activated()
        token = call.token()
        async with self.database.connection():
            row = self.tokens.get(hashed(token))
        if row is None:
            raise bad_token()
        self._require_license(row.subject)
        if self.tokens.expired(row):
            raise expired()
        return row

    def _require_license(self, subject: str) -> None:
        """Raise for all but admins, pipelines and pachd itself without a valid licence."""
        if self.enterprise_active or subject == ROOT:
            return
        if subject.startswith(("pipeline:", "internal:")):
            return
        if "clusterAdmin" not in self.bindings.get(CLUSTER_KEY).get(subject, ()):
            raise Refusal(
                f"{ADMINS_ONLY}: user: {subject}, is not priviledged to operate while "
                "Enterprise License is disabled"
            )

    def require(self, subject: str, resource: pb.Resource, permission: pb.Permission) -> None:
        """Raise unless the subject has the permission on the resource."""
        if self.bindings.evaluate(subject, resource, [permission]).missing:
            raise Refusal(
                f"{subject} is not authorized to perform this operation - needs permissions "
                f"[{pb.Permission.Name(permission)}] on {pb.ResourceType.Name(resource.type)} "
                f"{resource.name}. Run `pachctl auth roles-for-permission` to find roles that "
                "grant a given permission.",
                self.release.denied,
            )
