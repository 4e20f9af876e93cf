"""Why a connection did not come about."""

from __future__ import annotations

import contextlib
import socket
import ssl


def cause(error: BaseException) -> str:
    """Why a connection failed, in words for an operator."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"TLS: the certificate was not accepted: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return f"TLS: {(error.reason or str(error)).replace('_', ' ').lower()}"
    if isinstance(error, ConnectionRefusedError):
        return "connection refused"
    if isinstance(error, socket.gaierror):
        return f"the name was not resolved: {error.strerror}"
    if isinstance(error, ValueError):
        return f"no valid host name: {error}"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    with contextlib.suppress(IndexError):
        return str(error.args[0])
    return "the connection was closed while it was set up"


def overdue(step: str, limit: float) -> TimeoutError:
    """A step that was not done within `limit` seconds."""
    return TimeoutError(f"{step} within {round(limit, 2):g} s")
