"""What pachd holds of living tokens, counted by subject."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from vault_plugin.pachyderm.api import TokenInfo


@dataclass(slots=True)
class Count:
    """How many tokens, how many of them have no end, and when the others end (Unix seconds).

    `earliest` and `latest` are None where none of them has an end.
    """

    tokens: int = 0
    endless: int = 0
    earliest: float | None = None
    latest: float | None = None

    def add(self, expires: float | None) -> None:
        """Count a token that ends at `expires`."""
        self.tokens += 1
        if expires is None:
            self.endless += 1
            return
        if self.earliest is None or expires < self.earliest:
            self.earliest = expires
        if self.latest is None or expires > self.latest:
            self.latest = expires

    def outlasts(self, end: float) -> bool:
        """Whether a token lasts beyond `end`, which one without an end does not count for."""
        return self.latest is not None and self.latest > end


async def by_subject(tokens: AsyncIterator[TokenInfo], only: str = "") -> dict[str, Count]:
    """The living of `tokens`, of every subject or of one `only`."""
    now = time.time()
    counts: dict[str, Count] = {}
    async for token in tokens:
        if (not only or token.subject == only) and (token.expires is None or token.expires > now):
            counts.setdefault(token.subject, Count()).add(token.expires)
    return counts


def total(counts: dict[str, Count]) -> Count:
    """All subjects' `counts` as one."""
    ends = [end for c in counts.values() for end in (c.earliest, c.latest) if end is not None]
    return Count(
        tokens=sum(count.tokens for count in counts.values()),
        endless=sum(count.endless for count in counts.values()),
        earliest=min(ends, default=None),
        latest=max(ends, default=None),
    )
