"""Globs as config lists them: what one can match, found by making something that it matches."""

from __future__ import annotations

import fnmatch
import re

_PIECE = re.compile(r"\*|\?|\[!?\]?[^\]]*\]|.", re.DOTALL)
# What a `?` or a set is tried with, beside the characters that a set itself names.
_TRIED = "xX0_-.@ab"


def with_colon(glob: str) -> list[str]:
    """`glob` with each of its wildcards in turn standing for a colon and what is around it."""
    pieces = _PIECE.findall(glob)
    meant = {"*": "*:*", "?": ":"}
    return [
        "".join([*pieces[:i], meant[piece], *pieces[i + 1 :]])
        for i, piece in enumerate(pieces)
        if piece in meant
    ]


def example(glob: str) -> str | None:
    """A text that `glob` matches, as short as can be but not empty; None where there is none.

    A bracket that opens no set, and so would stand for itself, is taken for a mistake.
    """
    found = [_one(piece) for piece in _PIECE.findall(glob)]
    if None in found:
        return None
    return "".join(filter(None, found)) or ("x" if "*" in glob else None)


def _one(piece: str) -> str | None:
    if piece == "*":
        return ""
    if piece == "?":
        return "x"
    if piece in ("[", "]"):
        return None
    if piece.startswith("["):
        return next((c for c in _TRIED + piece[1:-1] if fnmatch.fnmatchcase(c, piece)), None)
    return piece


def written(entry: str) -> str:
    """`entry` as an error may show it."""
    return entry if entry.isprintable() else ascii(entry)[1:-1]
