"""gRPC status: codes, the error that carries one, and its way over the wire."""

from __future__ import annotations

import enum
import re
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote_to_bytes

if TYPE_CHECKING:
    from shim.http2 import Fields


class Status(enum.IntEnum):
    """The status codes of gRPC."""

    OK = 0
    CANCELLED = 1
    UNKNOWN = 2
    INVALID_ARGUMENT = 3
    DEADLINE_EXCEEDED = 4
    NOT_FOUND = 5
    ALREADY_EXISTS = 6
    PERMISSION_DENIED = 7
    RESOURCE_EXHAUSTED = 8
    FAILED_PRECONDITION = 9
    ABORTED = 10
    OUT_OF_RANGE = 11
    UNIMPLEMENTED = 12
    INTERNAL = 13
    UNAVAILABLE = 14
    DATA_LOSS = 15
    UNAUTHENTICATED = 16


_BY_VALUE: Final = {str(status.value): status for status in Status}


class RpcError(Exception):
    """A call that ended with a status other than OK.

    A server's handler raises it to answer with that status; a client's call raises it.
    """

    def __init__(self, code: Status, message: str) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message

    def __str__(self) -> str:
        return f"{self.code.name}: {self.message}"


_UNSAFE: Final = re.compile(rb"[^\x20-\x24\x26-\x7e]")


def quote_message(message: str) -> str:
    """`grpc-message`: UTF-8, each byte but printable ASCII as %XX, and `%` itself."""
    raw = message.encode("utf-8", "replace")
    return _UNSAFE.sub(lambda match: b"%%%02X" % match[0][0], raw).decode("ascii")


def unquote_message(value: str) -> str:
    """The text of a `grpc-message`; a bad escape stays as it is, bad UTF-8 is replaced."""
    return unquote_to_bytes(value.encode("latin-1")).decode("utf-8", "replace")


def status_fields(code: Status, message: str) -> list[tuple[str, str]]:
    """The trailers of a call's end."""
    fields = [("grpc-status", str(code.value))]
    if message:
        fields.append(("grpc-message", quote_message(message)))
    return fields


#: what an HTTP status means where no grpc-status came ("HTTP to gRPC Status Code Mapping")
_FROM_HTTP: Final = {
    "400": Status.INTERNAL,
    "401": Status.UNAUTHENTICATED,
    "403": Status.PERMISSION_DENIED,
    "404": Status.UNIMPLEMENTED,
    "429": Status.UNAVAILABLE,
    "502": Status.UNAVAILABLE,
    "503": Status.UNAVAILABLE,
    "504": Status.UNAVAILABLE,
}


def error_of_http(status: str, content_type: str) -> RpcError:
    """The error of an answer that is not gRPC."""
    return RpcError(
        _FROM_HTTP.get(status, Status.UNKNOWN),
        f"unexpected HTTP status {status}, content-type {content_type[:80]!r}",
    )


def error_of_trailers(fields: Fields) -> RpcError | None:
    """The outcome that trailers tell: None for OK, else the error."""
    found = dict(fields)
    value = found.get("grpc-status")
    if value == "0":
        return None
    message = unquote_message(found.get("grpc-message", ""))
    if value is None:
        return RpcError(Status.INTERNAL, "the answer ended without a grpc-status")
    code = _BY_VALUE.get(value)
    if code is None:
        return RpcError(Status.UNKNOWN, f"grpc-status {value[:20]!r}: {message}")
    return RpcError(code, message)
