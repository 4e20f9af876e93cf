"""A cluster of generation 1.x: what it stores, and who may enter."""

import uuid
from collections import Counter
from collections.abc import Iterable
from enum import Enum

from google.protobuf.message import Message
from grpc import StatusCode

from tests.pachd.access import AccessLists
from tests.pachd.call import Call
from tests.pachd.clock import Clock, RealClock
from tests.pachd.proto import auth_v1_pb2 as pb
from tests.pachd.refusal import ADMINS_ONLY, Refusal, bad_token, not_activated
from tests.pachd.releases import V1_RELEASES
from tests.pachd.subjects import canonical
from tests.pachd.tokens import Lease, LeasedTokens, hashed, new_token


class Auth(Enum):
    """How far ``pachctl auth activate`` has come; 2.x knows no PARTIAL."""

    INACTIVE = "inactive"
    PARTIAL = "partial"
    ACTIVE = "active"

    def __str__(self) -> str:
        return self.value


def _partial() -> Refusal:
    return Refusal("the auth service is only partially activated", StatusCode.UNAVAILABLE)


# While activation is partial pachd's methods do not agree; those not named here just work.
WHEN_PARTIAL = {
    "Authenticate": _partial,
    "ExtendAuthToken": not_activated,
    "ExtractAuthTokens": _partial,
    "GetAdmins": _partial,
    "ModifyAdmins": _partial,
    "RestoreAuthToken": _partial,
    "RevokeAuthToken": not_activated,
}
ALWAYS_OPEN = {"Activate", "GetVersion", "InspectCluster"}


class ClusterV1:
    """Its tokens, admins and access lists.

    GitHub names are believed, as with pachd's testing switch.
    """

    def __init__(
        self,
        *,
        release: str = "1.13",
        clock: Clock | None = None,
        auth: Auth = Auth.ACTIVE,
        root_token: str | None = None,
        admin: str = "robot:admin",
        identity_providers: Iterable[str] = ("GitHub",),
        repos: Iterable[str] = ("images",),
        cluster_id: str = "",
        etcd_prefix: str = "",
    ) -> None:
        self.release = V1_RELEASES[release]
        self.clock = clock or RealClock()
        self.auth = auth
        self.enterprise_active = True
        self.id = cluster_id or str(uuid.uuid4())
        self.identity_providers = set(identity_providers)
        self.root_token = root_token or new_token()
        self.admins: set[str] = set()
        self.tokens = LeasedTokens(self.clock)
        self.access = AccessLists(repos, self.release.no_repo.replace("{prefix}", etcd_prefix))
        if auth is Auth.ACTIVE:
            self.activated_by(admin, self.root_token, ttl=0)

    def unknown(self, service: str, method: str, *, served: bool) -> Refusal:
        return self.release.unknown(service, method, served=served)

    async def admit(self, call: Call, request: Message) -> None:
        """Refuse what the state of activation does not allow: 1.x's first check."""
        if call.method in ALWAYS_OPEN:
            return
        if self.auth is Auth.INACTIVE:
            raise not_activated()
        if self.auth is Auth.PARTIAL and call.method in WHEN_PARTIAL:
            raise WHEN_PARTIAL[call.method]()

    def subject_of(self, token: str) -> str | None:
        lease = self.tokens.get(hashed(token))
        return None if lease is None else lease.subject

    def ends(self, token: str) -> float | None:
        lease = self.tokens.get(hashed(token))
        if lease is None:
            raise LookupError("no such token")
        return lease.expires

    def live(self) -> Counter[str]:
        return Counter(lease.subject for _, lease in self.tokens.newest_first())

    def caller(self, call: Call) -> Lease:
        """Return the caller's token, raising what pachd says to an unknown one."""
        lease = self.tokens.get(hashed(call.token()))
        if lease is None:
            raise bad_token()
        return lease

    def admin(self, call: Call, operation: str) -> Lease:
        """Return the caller's token, raising unless it is an admin's."""
        caller = self.caller(call)
        if caller.subject not in self.admins:
            raise admins_only(caller.subject, operation)
        return caller

    def require_license(self, subject: str) -> None:
        """Raise for all but admins once the enterprise licence has run out."""
        if not self.enterprise_active and subject not in self.admins:
            raise Refusal(ADMINS_ONLY)

    def canonical(self, subject: str) -> str:
        return canonical(subject, self.identity_providers, root_user=self.release.root_user)

    def activated_by(self, admin: str, token: str, ttl: int) -> None:
        self.auth = Auth.ACTIVE
        self.admins = {admin}
        self.root_token = token
        self.tokens.put(hashed(token), admin, pb.TokenInfo.AUTHENTICATE, ttl)

    def mint(self, subject: str, source: pb.TokenInfo.TokenSource, ttl: int) -> str:
        token = new_token()
        self.tokens.put(hashed(token), subject, source, ttl)
        return token


def admins_only(subject: str, operation: str) -> Refusal:
    return Refusal(
        f"{subject} is not authorized to perform this operation; "
        f"must be an admin to call {operation}"
    )
