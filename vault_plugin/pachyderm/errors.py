"""What pachd's refusals mean, and what an operator can do about them."""

from __future__ import annotations

import enum

from shim import BackendError, ErrorType
from shim.grpc import Status


class Meaning(enum.Enum):
    """Why a call to pachd failed; the value is advice that follows pachd's own words."""

    NO_ANSWER = "check pachd_address, the network and pachd itself"
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
    GONE = "the token is expired or already revoked"
    LONGER = "the token lasts longer already"
    BAD_SUBJECT = "write a subject this cluster knows, such as robot:name"
    NO_RESOURCE = "write a project or repo that exists"
    NO_ROLE = "write roles this cluster knows, such as repoReader"
    NO_LICENCE = "until its licence is renewed this cluster takes calls of cluster admins alone"
    ROOT_FIXED = "change the token in pachd's environment instead, then write it to config"
    REFUSED = ""


# First match wins: the status, what its message holds, the meaning. From the recorded answers of
# pachd 1.13.4 and 2.11.6.
_TABLE = (
    (Status.UNAVAILABLE, "partially activated", Meaning.PARTIALLY_ACTIVATED),
    (Status.UNAVAILABLE, "", Meaning.NO_ANSWER),
    (Status.DEADLINE_EXCEEDED, "", Meaning.NO_ANSWER),
    (Status.CANCELLED, "", Meaning.NO_ANSWER),
    (Status.UNIMPLEMENTED, "not activated", Meaning.NOT_ACTIVATED),
    (Status.UNIMPLEMENTED, "unknown service", Meaning.WRONG_GENERATION),
    (Status.UNAUTHENTICATED, "", Meaning.BAD_CALLER),
    (Status.INTERNAL, "token expiration is in the past", Meaning.EXPIRED_CALLER),
    (Status.INTERNAL, "token has expired or is already revoked", Meaning.GONE),
    (Status.PERMISSION_DENIED, "", Meaning.DENIED),
    (Status.UNKNOWN, "is not authorized to perform this operation", Meaning.DENIED),
    (Status.UNKNOWN, "is shorter than token's existing TTL", Meaning.LONGER),
    (Status.UNKNOWN, "Enterprise is not active in this cluster", Meaning.NO_LICENCE),
    (Status.UNKNOWN, "no role binding", Meaning.NO_RESOURCE),
    (Status.UNKNOWN, "not found", Meaning.NO_RESOURCE),
    (Status.UNKNOWN, "unknown role", Meaning.NO_ROLE),
    (Status.UNKNOWN, "RotateRootToken() is disabled", Meaning.ROOT_FIXED),
    (Status.UNKNOWN, "subject has unrecognized prefix", Meaning.BAD_SUBJECT),
    (Status.UNKNOWN, "invalid username has multiple prefixes", Meaning.BAD_SUBJECT),
    (Status.UNKNOWN, "GetAuthTokenRequest.Subject is invalid", Meaning.BAD_SUBJECT),
)
# What the caller or the operator must change is a 400; the rest is pachd's trouble, a 500.
_BAD_REQUESTS = {
    Meaning.DENIED,
    Meaning.NOT_ACTIVATED,
    Meaning.BAD_SUBJECT,
    Meaning.NO_RESOURCE,
    Meaning.NO_ROLE,
    Meaning.ROOT_FIXED,
}
# Said after an effect, or of one that is not known; all else pachd says before it does anything.
_MAYBE_DONE = {Meaning.NO_ANSWER, Meaning.REFUSED}


class PachdError(BackendError):
    """pachd at `address` answered with a refusal, or did not answer.

    Its text is the address, pachd's own words and what to do; pachd's words hold no token.
    `undone` is whether it is certain that the call changed nothing.
    """

    def __init__(self, address: str, status: Status, message: str) -> None:
        self.meaning = _meaning(status, message)
        if self.meaning in _BAD_REQUESTS:
            self.kind, self.status = ErrorType.CODED, 400
        self.undone = self.meaning not in _MAYBE_DONE
        advice = f" ({self.meaning.value})" if self.meaning.value else ""
        super().__init__(f"pachd at {address}: {message}{advice}")


def _meaning(status: Status, message: str) -> Meaning:
    for known, fragment, meaning in _TABLE:
        if status is known and fragment in message:
            return meaning
    return Meaning.REFUSED
