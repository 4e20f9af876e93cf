"""What may go wrong. Each says what to do; none shows a secret."""

from __future__ import annotations

from typing import Sequence


class TokenError(Exception):
    """There is no token to be had. The base of all that this package raises by itself."""


class UnreachableError(TokenError):
    """Vault did not answer, or could not serve: it is down, sealed, without a leader, busy."""


class FailedError(TokenError):
    """Vault answered that something behind it failed: the plugin, or pachd."""


class RefusedError(TokenError):
    """Vault said no: `status` is HTTP's, `errors` are Vault's words."""

    def __init__(self, message: str, status: int = 0, errors: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.status = status
        self.errors = tuple(errors)


class SettingError(TokenError):
    """Something given by the caller cannot be right."""


class ClosedError(TokenError):
    """The source was closed, and was asked for a token all the same."""


class MovedError(TokenError):
    """The mount leads to another cluster than the client is connected to."""
