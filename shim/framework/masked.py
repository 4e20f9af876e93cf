"""A string that does not show itself."""

from __future__ import annotations

import hmac


class Masked:
    """Holds a secret; `reveal` is the only way to its text.

    ``repr``, ``str``, formatting and log lines show ``***``. Two are equal when their texts are
    (compared in constant time).
    """

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The secret itself, to be put on the wire or into storage and nowhere else."""
        return self._text

    def __repr__(self) -> str:
        return "***"

    def __bool__(self) -> bool:
        return bool(self._text)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Masked):
            return NotImplemented
        return hmac.compare_digest(self._text.encode(), other._text.encode())

    def __hash__(self) -> int:
        return hash(self._text)
