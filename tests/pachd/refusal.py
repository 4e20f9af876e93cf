"""The errors both generations answer with, word for word."""

from grpc import StatusCode


class Refusal(Exception):  # noqa: N818 - pachd refuses, nothing erred
    """An RPC ends with this status. Go's plain errors become UNKNOWN."""

    def __init__(self, message: str, code: StatusCode = StatusCode.UNKNOWN) -> None:
        super().__init__(message)
        self.message = message
        self.code = code


def not_activated() -> Refusal:
    return Refusal("the auth service is not activated", StatusCode.UNIMPLEMENTED)


def not_signed_in() -> Refusal:
    return Refusal("no authentication token (try logging in)", StatusCode.UNAUTHENTICATED)


def bad_token() -> Refusal:
    return Refusal(
        "provided auth token is corrupted or has expired (try logging in again)",
        StatusCode.UNAUTHENTICATED,
    )


def expired() -> Refusal:
    return Refusal("token expiration is in the past", StatusCode.INTERNAL)


def same_hash() -> Refusal:
    return Refusal("cannot overwrite existing token with same hash")


ADMINS_ONLY = (
    "Pachyderm Enterprise is not active in this cluster (until Pachyderm Enterprise is "
    "re-activated or Pachyderm auth is deactivated, only cluster admins can perform any operations)"
)
