"""The HTTP status that the host makes of what a handler raises."""

from __future__ import annotations

from typing import Final

from shim.framework.errors import BackendError, ErrorType

_STATUS: Final = {
    ErrorType.BAD_REQUEST: 400,
    ErrorType.INVALID_REQUEST: 400,
    ErrorType.PERMISSION_DENIED: 403,
    ErrorType.UNSUPPORTED_PATH: 404,
    ErrorType.UNSUPPORTED_OPERATION: 405,
}


def status_of(error: Exception) -> int:
    """The status of an answer that is `error`; 500 for whatever has none of its own."""
    if not isinstance(error, BackendError):
        return 500
    return error.status or _STATUS.get(error.kind, 500)
