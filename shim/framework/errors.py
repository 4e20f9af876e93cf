"""What a handler raises, and the HTTP status the host makes of it.

The numbers are ``pb.ProtoError.err_type``. The host knows 0 to 10; it decodes a larger one as
"no error", that is as success, so the set is closed (`ErrorType`). For the types 5 to 10 the host
answers with words of its own and drops ours.
"""

from __future__ import annotations

import enum

READ_ONLY = "cannot write to readonly storage"


class ErrorType(enum.IntEnum):
    """``pb.ProtoError.err_type`` and the HTTP status the host answers with."""

    UNKNOWN = 0  # 500, our text
    USER = 1  # 500
    INTERNAL = 2  # 500
    CODED = 3  # err_code
    BAD_REQUEST = 4  # 400
    UNSUPPORTED_OPERATION = 5  # 405
    UNSUPPORTED_PATH = 6  # 404
    INVALID_REQUEST = 7  # 400
    PERMISSION_DENIED = 8  # 403
    MULTI_AUTHZ_PENDING = 9
    UNRECOVERABLE = 10  # 500; from a revocation: no further tries


class BackendError(Exception):
    """An answer that is an error: `kind` and, for `ErrorType.CODED`, the HTTP `status`.

    Raised as it is it means an HTTP 500 with its text; from a revocation or a renewal the host
    takes it as transient and tries again.
    """

    kind = ErrorType.UNKNOWN
    status = 0


class UserError(BackendError):
    """A mistake of the caller: HTTP 400 whose text says what to write instead.

    It travels as a response ``{"error": text}`` with no error beside it
    (Vault's ``logical.ErrorResponse``), so the text reaches the user bare.
    """

    kind = ErrorType.INVALID_REQUEST


class CodedError(BackendError):
    """Any other HTTP status, with our text."""

    kind = ErrorType.CODED

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class PermissionDenied(BackendError):  # noqa: N818  Vault's own word for it
    """HTTP 403; the host puts its own words in place of ours."""

    kind = ErrorType.PERMISSION_DENIED


class UnsupportedOperation(BackendError):  # noqa: N818  Vault's own word for it
    """HTTP 405: the path exists, the operation on it does not."""

    kind = ErrorType.UNSUPPORTED_OPERATION

    def __init__(self) -> None:
        super().__init__("unsupported operation")


class UnsupportedPath(BackendError):  # noqa: N818  Vault's own word for it
    """HTTP 404: no path of the backend matches."""

    kind = ErrorType.UNSUPPORTED_PATH

    def __init__(self) -> None:
        super().__init__("unsupported path")


class Unrecoverable(BackendError):  # noqa: N818  Vault's own word for it
    """From a revocation: the lease becomes irrevocable at once, without further tries."""

    kind = ErrorType.UNRECOVERABLE


class ReadOnly(BackendError):  # noqa: N818  Vault's own word for it
    """A node that may not write: the host knows the text and forwards the request."""

    def __init__(self) -> None:
        super().__init__(READ_ONLY)
