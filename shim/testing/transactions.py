"""Transactions of the storage in memory: all that one wrote, or nothing of it."""

from __future__ import annotations

import secrets
from typing import Final

FAILED: Final = "transaction commit failed"  # OpenBao's words (sdk/physical)


class Transaction:
    """The storage as one sees it: what there was when it began, and its own `entries` since.

    It is committed to `entries` and `sealed` as it was given them.
    """

    def __init__(self, entries: dict[str, bytes], sealed: set[str]) -> None:
        self.id = secrets.token_hex(16)
        self.entries = dict(entries)
        self.sealed = set(sealed)
        self.touched: set[str] = set()  # keys read and written, and prefixes listed with a "*"
        self._before = dict(entries)
        self._into = entries, sealed

    def commit(self) -> str:
        """Do it all; gives why not, where another changed what was touched."""
        (now, sealed), before = self._into, self._before
        for key in now.keys() | before.keys():
            if now.get(key) != before.get(key) and self._touches(key):
                return FAILED
        for key in self.touched & (self.entries.keys() | before.keys()):
            if key not in self.entries:
                now.pop(key, None)
                sealed.discard(key)
            elif self.entries[key] != before.get(key):
                now[key] = self.entries[key]
                (set.add if key in self.sealed else set.discard)(sealed, key)
        return ""

    def _touches(self, key: str) -> bool:
        return key in self.touched or any(
            listed.endswith("*") and key.startswith(listed[:-1]) for listed in self.touched
        )
