"""What pachd's refusals mean, and what an operator can do about them."""

from __future__ import annotations

import enum
import fnmatch

from shim import BackendError, ErrorType
from shim.grpc import Status


class Meaning(enum.Enum):
    """Why a call to pachd failed; the value is advice that follows pachd's own words."""

    NO_ANSWER = "check pachd_address, the network and pachd itself"
    OVERLOADED = "try again later; max_in_flight in config is how many calls run at once"
    BAD_CALLER = (
        "the token that called is unknown to pachd, expired or revoked; if it is the"
        " admin token, write a valid admin_token to config"
    )
    EXPIRED_CALLER = (
        "the token that called has expired; if it is the admin token, write a valid"
        " admin_token to config"
    )
    DENIED = (
        "the admin token lacks this right: on 2.x minting needs the role robotUser and all else"
        " clusterAdmin, on 1.x its subject must be a cluster admin"
    )
    NOT_ACTIVATED = "activate auth on the cluster with `pachctl auth activate`"
    PARTIALLY_ACTIVATED = "auth is being activated or deactivated; try again once that is done"
    WRONG_GENERATION = "pachd changed its generation, or is no pachd; try again"
    NO_METHOD = "this release of Pachyderm does not have it: upgrade the cluster, or do without"
    TOO_LONG = (
        "the engine takes no longer answer; those of tokens get shorter once expired ones are"
        " deleted"
    )
    GONE = "the token is expired or already revoked"
    LONGER = "the token lasts longer already"
    BAD_SUBJECT = "write a subject this cluster knows, such as robot:name"
    LONG_SUBJECT = "write a shorter subject: 64 characters before Pachyderm 2.5.0, 128 since"
    NO_RESOURCE = "write a project or repo that exists"
    NO_ROLE = "write roles this cluster knows, such as repoReader"
    NO_LICENCE = "until its licence is renewed this cluster takes calls of cluster admins alone"
    ROOT_FIXED = "change the token in pachd's environment instead, then write it to config"
    REFUSED = ""


#: pachd does not take the token that called, by either generation's words
BAD_TOKEN = (Meaning.BAD_CALLER, Meaning.EXPIRED_CALLER)

# What the same words mean depends on the call that was made.
_REVOKE = ("RevokeAuthToken",)
_ACCESS = ("SetScope", "ModifyRoleBinding")
_ANY = ()

# First match wins: the status, what its message holds (a glob), the meaning, of which methods. From
# the recorded answers of pachd 1.8.8 to 2.11.6.
_TABLE: tuple[tuple[Status, str, Meaning, tuple[str, ...]], ...] = (
    (Status.UNAVAILABLE, "partially activated", Meaning.PARTIALLY_ACTIVATED, _ANY),
    (Status.UNAVAILABLE, "overloaded: ", Meaning.OVERLOADED, _ANY),  # our own words
    (Status.UNAVAILABLE, "", Meaning.NO_ANSWER, _ANY),
    (Status.DEADLINE_EXCEEDED, "", Meaning.NO_ANSWER, _ANY),
    (Status.CANCELLED, "", Meaning.NO_ANSWER, _ANY),
    (Status.UNIMPLEMENTED, "not activated", Meaning.NOT_ACTIVATED, _ANY),
    (Status.UNIMPLEMENTED, "unknown service", Meaning.WRONG_GENERATION, _ANY),
    (Status.UNKNOWN, "this server is running pachyderm 2.x", Meaning.WRONG_GENERATION, _ANY),
    (Status.UNIMPLEMENTED, "unknown method", Meaning.NO_METHOD, _ANY),
    (Status.UNKNOWN, "no auth function for", Meaning.NO_METHOD, _ANY),
    (Status.RESOURCE_EXHAUSTED, "received message larger than max", Meaning.TOO_LONG, _ANY),
    (Status.UNAUTHENTICATED, "", Meaning.BAD_CALLER, _ANY),
    (Status.INTERNAL, "token expiration is in the past", Meaning.EXPIRED_CALLER, _ANY),
    (Status.INTERNAL, "token has expired or is already revoked", Meaning.GONE, _ANY),
    (Status.PERMISSION_DENIED, "", Meaning.DENIED, _ANY),
    (Status.UNKNOWN, "is not authorized to perform this operation", Meaning.DENIED, _ANY),
    (Status.UNKNOWN, "is shorter than token's existing TTL", Meaning.LONGER, _ANY),
    (Status.UNKNOWN, "Enterprise is not active in this cluster", Meaning.NO_LICENCE, _ANY),
    (Status.UNKNOWN, "pachyderm_auth/tokens/* not found", Meaning.GONE, _REVOKE),
    (Status.UNKNOWN, "no role binding", Meaning.NO_RESOURCE, _ACCESS),
    (Status.UNKNOWN, "not found", Meaning.NO_RESOURCE, _ACCESS),
    (Status.UNKNOWN, "unknown resource type", Meaning.NO_RESOURCE, _ACCESS),
    (Status.UNKNOWN, "value too long for type character varying", Meaning.LONG_SUBJECT, _ANY),
    (Status.UNKNOWN, "unknown role", Meaning.NO_ROLE, _ANY),
    (Status.UNKNOWN, "RotateRootToken() is disabled", Meaning.ROOT_FIXED, _ANY),
    (Status.UNKNOWN, "subject has unrecognized prefix", Meaning.BAD_SUBJECT, _ANY),
    (Status.UNKNOWN, "invalid username has multiple prefixes", Meaning.BAD_SUBJECT, _ANY),
    (Status.UNKNOWN, "GetAuthTokenRequest.Subject is invalid", Meaning.BAD_SUBJECT, _ANY),
)
# What the caller or the operator must change is a 400; what is not here is pachd's trouble, a 500.
_STATUSES = {
    Meaning.OVERLOADED: 429,
    Meaning.DENIED: 400,
    Meaning.NOT_ACTIVATED: 400,
    Meaning.NO_METHOD: 400,
    Meaning.BAD_SUBJECT: 400,
    Meaning.LONG_SUBJECT: 400,
    Meaning.NO_RESOURCE: 400,
    Meaning.NO_ROLE: 400,
    Meaning.ROOT_FIXED: 400,
}
# Said after an effect, or of one that is not known; all else pachd says before it does anything.
_MAYBE_DONE = {Meaning.NO_ANSWER, Meaning.REFUSED, Meaning.TOO_LONG}


class PachdError(BackendError):
    """pachd at `address` answered a call of `method` with a refusal, or did not answer.

    Its text is the address, pachd's own words and what to do; `shown` is `message` without any
    token. `undone` is whether it is certain that the call changed nothing.
    """

    def __init__(
        self, address: str, status: Status, message: str, method: str = "", *, shown: str = ""
    ) -> None:
        self.address = address
        self.meaning = _meaning(status, message, method)
        if self.meaning in _STATUSES:
            self.kind, self.status = ErrorType.CODED, _STATUSES[self.meaning]
        self.undone = self.meaning not in _MAYBE_DONE
        advice = f" ({self.meaning.value})" if self.meaning.value else ""
        super().__init__(f"pachd at {address}: {shown or message}{advice}")


def _meaning(status: Status, message: str, method: str) -> Meaning:
    for known, fragment, meaning, methods in _TABLE:
        if status is not known or (methods and method not in methods):
            continue
        if fnmatch.fnmatchcase(message, f"*{fragment}*"):
            return meaning
    return Meaning.REFUSED
