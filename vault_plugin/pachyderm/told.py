"""The tokens that a pachd knows from us: whoever asks us must not hear them from it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

from vault_plugin.tokens import SHORT

if TYPE_CHECKING:
    from collections.abc import Iterable

_KEPT: Final = 64  # callers: the admin, who makes nearly all calls, is among them
_TELLING: Final = 8  # characters from which a token in a name is no chance
_LONGEST_WORDS: Final = 500  # characters of a refusal


class Callers:
    """The last tokens that made a call which pachd answered.

    What it refused may be no token, but any word that a client sent as one.
    """

    def __init__(self) -> None:
        self._tokens: dict[str, None] = {}  # the latest last
        self._shortest = sys.maxsize  # characters of any there has been

    def add(self, token: str) -> None:
        """Note the caller of a call that was answered."""
        known = self._tokens
        if token not in known and len(token) >= SHORT:
            known[token] = None
            self._shortest = min(self._shortest, len(token))
            if len(known) > _KEPT:
                del known[next(iter(known))]

    def told_in(self, words: str) -> bool:
        """Whether `words` tell one of them: most names are too short to."""
        return len(words) >= self._shortest and tells(words, self._tokens)

    def beside(self, told: list[str]) -> list[str]:
        """All of them, and those that the call at hand told."""
        return [*told, *self._tokens]


def shown(words: str, told: Iterable[str]) -> str:
    """Pachd's words as they may be shown: without the tokens it was told, whoever it is.

    A short token may stand in ordinary words, and what is left around it would tell it: then none
    are shown.
    """
    for token in sorted(told, key=len, reverse=True):
        quoted = token.replace("\\", "\\\\").replace('"', '\\"')  # as Go's %q has it
        for text in (token, quoted):
            if text and text in words:
                if len(text) < SHORT:
                    return "its words are not shown, since they hold the token"
                words = words.replace(text, "***")
    cut = words[:_LONGEST_WORDS]
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in cut)


def tells(words: str, tokens: Iterable[str]) -> bool:
    """Whether `words` tell one of `tokens`; as a part of a name, `root` may be one by chance."""
    for token in tokens:  # noqa: SIM110  every reply comes by here, and a generator costs more
        if token == words or (len(token) >= _TELLING and token in words):
            return True
    return False
