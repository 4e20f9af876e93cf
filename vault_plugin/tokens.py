"""Pachyderm tokens: what one may look like, a new one, what pachd stores of it."""

from __future__ import annotations

import hashlib
import uuid

from shim import Masked, UserError

SHORT = 16  # characters; pachd makes tokens of 32, and a root token is what its operator chose
SHORT_WARNING = f"admin_token has fewer than {SHORT} characters: it could be guessed"


def new_token() -> Masked:
    """A token as pachd itself makes them: a random UUID without dashes."""
    return Masked(uuid.uuid4().hex)


def hashed(token: Masked) -> str:
    """What pachd of either generation stores of `token`: SHA-256 in lower-case hex."""
    return hashlib.sha256(token.reveal().encode()).hexdigest()


def check(name: str, token: Masked) -> None:
    """Raise UserError, calling it `name`, unless `token` can travel as gRPC metadata.

    That is printable ASCII without blanks at its ends; pachd itself trims nothing.
    """
    text = token.reveal()
    if not text:
        raise UserError(f"invalid {name}: empty string")
    if not text.isascii() or not text.isprintable() or text != text.strip():
        raise UserError(f"invalid {name}: it holds blanks around it, or more than printable ASCII")
    if len(text) > 4096:
        raise UserError(f"invalid {name}: longer than 4096 characters")
