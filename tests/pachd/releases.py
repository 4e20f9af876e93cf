"""How Pachyderm's releases differ, as recorded: one row of data for each that is simulated."""

from dataclasses import dataclass, replace
from enum import Enum

from grpc import StatusCode

from tests.pachd.refusal import Refusal

MONTH = 30 * 24 * 60 * 60  # seconds
UNKNOWN_SERVICE = "unknown service {service}"
UNKNOWN_METHOD = "unknown method {method} for service {service}"
OLD_SERVICES = {"auth.API", "versionpb.API", "admin.API"}
OLD_CLIENT = (
    "this server is running pachyderm 2.x, but your client appears to be an older version -"
    " please upgrade"
)
NO_FUNCTION = 'no auth function for "{}", this is a bug'
Numbers = tuple[int, int, int]


class Callers(Enum):
    """Of 1.x: who may ask for a token without end by a negative TTL."""

    ALL = "all"
    NONE = "none"
    ADMINS = "admins"


class Unknown(Enum):
    """Of 1.x: what RevokeAuthToken says of a token that there is not."""

    OK = "nothing"
    KEY = "the key of etcd is not found"
    GONE = "expired or revoked"


@dataclass(frozen=True)
class V1:
    """A release of 1.x.

    `longest` is the cap of a token's life, which a TTL of 0 stands for; None: no cap, and 0 is no
    end. `no_repo` and `unknown_method` are what is said of those.
    """

    version: Numbers
    endless: Callers = Callers.ADMINS
    unknown_token: Unknown = Unknown.GONE
    longest: int | None = MONTH
    restores: bool = True  # has RestoreAuthToken and ExtractAuthTokens
    tells_end: bool = True  # WhoAmI has a ttl
    deployment_id: bool = True
    cluster_roles: bool = True
    root_user: bool = True  # knows the prefix pach:
    mints_for_caller: bool = True  # where no subject is given
    modify_admins: str = "ModifyClusterRoleBinding"
    for_others: str = "GetAuthToken"  # what it calls minting for somebody else
    no_repo: str = "repo {repo} not found"
    unknown_method: str = UNKNOWN_METHOD

    def unknown(self, service: str, method: str, *, served: bool) -> Refusal:
        """What is said of a method there is not, or whose service is not `served`."""
        words = self.unknown_method if served else UNKNOWN_SERVICE
        return Refusal(words.format(service=service, method=method), StatusCode.UNIMPLEMENTED)


@dataclass(frozen=True)
class V2:
    """A release of 2.x.

    `too_long` and `too_far` are what is said of a subject beyond `longest_subject` characters,
    and of a TTL that the database cannot take.
    """

    version: Numbers
    counts: bool = True  # the answers to revocations tell a number
    projects: bool = True
    longest_subject: int = 128
    blank_subject: bool = False  # can be stored
    denied: StatusCode = StatusCode.PERMISSION_DENIED
    built: bool = True  # GetVersion tells of Go and the platform
    warns: bool = True  # InspectCluster asks for the client's version
    web: bool = True  # and tells of web resources
    interceptor: bool = False  # refuses what it does not know before gRPC does
    too_long: str = "ERROR: value too long for type character varying({limit}) (SQLSTATE 22001)"
    too_far: str = "{ttl} cannot be exactly represented as float64"
    principals: bool = True  # are stored in a table of their own

    def unknown(self, service: str, method: str, *, served: bool) -> Refusal:
        """What is said of a method there is not, or whose service is not `served`."""
        if self.interceptor:
            old = service in OLD_SERVICES
            return Refusal(OLD_CLIENT if old else NO_FUNCTION.format(f"/{service}/{method}"))
        words = UNKNOWN_METHOD if served else UNKNOWN_SERVICE
        return Refusal(words.format(service=service, method=method), StatusCode.UNIMPLEMENTED)


# Newest first, each by what the next newer one changed.
V1_13 = V1((1, 13, 4))
V1_12 = replace(
    V1_13,
    version=(1, 12, 5),
    unknown_token=Unknown.KEY,
    no_repo="{prefix}pachyderm_pfs/repos/ {repo} not found",
)
V1_10 = replace(
    V1_12,
    version=(1, 10, 5),
    endless=Callers.NONE,
    unknown_token=Unknown.OK,
    restores=False,
    cluster_roles=False,
    root_user=False,
    modify_admins="ModifyAdmins",
)
V1_8 = replace(
    V1_10,
    version=(1, 8, 8),
    endless=Callers.ALL,
    longest=None,
    deployment_id=False,
    mints_for_caller=False,
    for_others="GetOneTimePassword",
    unknown_method=UNKNOWN_SERVICE,
)
V2_11 = V2((2, 11, 6))
V2_6 = replace(
    V2_11,
    version=(2, 6, 11),
    blank_subject=True,
    denied=StatusCode.UNKNOWN,
    web=False,
    principals=False,
)
V2_4 = replace(
    V2_6, version=(2, 4, 2), counts=False, projects=False, longest_subject=64, warns=False
)
V2_0 = replace(
    V2_4,
    version=(2, 0, 8),
    built=False,
    interceptor=True,
    too_long="pq: value too long for type character varying({limit})",
    too_far="pq: interval out of range",
)
V1_RELEASES = {"1.8": V1_8, "1.10": V1_10, "1.12": V1_12, "1.13": V1_13}
V2_RELEASES = {"2.0": V2_0, "2.4": V2_4, "2.6": V2_6, "2.11": V2_11}
