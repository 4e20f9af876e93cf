"""A text that no repr shows."""

from __future__ import annotations


class Secret(str):
    """A token or the like: what it is as text, masked wherever Python shows a value.

    ``str()`` and formatting give the value, for that is what it is for; ``repr()`` does not, so
    neither do containers, dataclasses, and tracebacks that show variables.
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return "Secret('…')"
