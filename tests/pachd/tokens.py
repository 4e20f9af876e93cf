"""Tokens as the two generations store them: under leases of etcd, and in rows of Postgres."""

import asyncio
import hashlib
import math
import uuid
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from tests.pachd.clock import Clock
from tests.pachd.proto import auth_v1_pb2 as pb
from tests.pachd.refusal import Refusal, same_hash
from tests.pachd.releases import V2

T = TypeVar("T")
MINIMUM_LEASE = 2  # seconds: etcd grants no shorter lease
SWEEP = 0.5  # seconds between two looks of etcd for expired leases
NO_LEASE = -1  # what etcd tells as the TTL of a key without a lease
MAX_HASH = 4096  # characters, varchar(4096)
BLANK = (
    'ERROR: new row for relation "principals" violates check constraint '
    '"auth_principals_subject_not_blank" (SQLSTATE 23514)'
)


def new_token() -> str:
    return uuid.uuid4().hex


def hashed(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


async def in_turns(items: Iterable[T], most: int = 500) -> AsyncIterator[T]:
    """Go through many items without keeping other calls from their turn."""
    for number, item in enumerate(items):
        if number % most == 0:
            await asyncio.sleep(0)
        yield item


@dataclass
class Lease:
    """A token of 1.x."""

    subject: str
    source: pb.TokenInfo.TokenSource
    expires: float | None


class LeasedTokens:
    """The tokens of 1.x: a key is gone when etcd's sweep next finds its lease expired."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._started = clock.now()
        self._leases: dict[str, Lease] = {}

    def put(self, key: str, subject: str, source: pb.TokenInfo.TokenSource, ttl: int) -> None:
        """Store or overwrite; a TTL (seconds) of 0 or less means no lease, so no end."""
        expires = self._clock.now() + max(ttl, MINIMUM_LEASE) if ttl > 0 else None
        self._leases[key] = Lease(subject, source, expires)

    def get(self, key: str) -> Lease | None:
        lease = self._leases.get(key)
        if lease is not None and self._swept(lease):
            del self._leases[key]
            return None
        return lease

    def ttl(self, lease: Lease) -> int:
        """Whole seconds left, rounded toward zero."""
        return NO_LEASE if lease.expires is None else int(lease.expires - self._clock.now())

    def delete(self, key: str) -> None:
        del self._leases[key]

    def clear(self) -> None:
        self._leases.clear()

    def newest_first(self) -> Iterator[tuple[str, Lease]]:
        """In the order of etcd's create revisions, which an extension does not change."""
        for key in reversed(list(self._leases)):
            lease = self.get(key)
            if lease is not None:
                yield key, lease

    def _swept(self, lease: Lease) -> bool:
        if lease.expires is None:
            return False
        sweep = math.ceil((lease.expires - self._started) / SWEEP) * SWEEP
        return self._clock.now() - self._started >= sweep


@dataclass
class Row:
    """A token of 2.x; its end in microseconds since 1970, as Postgres keeps it."""

    subject: str
    expires: int | None


class TokenRows:
    """The tokens of 2.x: an expired row stays until it is deleted."""

    def __init__(self, clock: Clock, release: V2) -> None:
        self._clock = clock
        self._release = release
        self._rows: dict[str, Row] = {}

    def insert(self, key: str, subject: str, ttl: int) -> None:
        """Insert a row; a TTL (seconds) of 0 or less means no end."""
        self._check_subject(subject)
        if float(ttl) != ttl:
            raise Refusal(f"error storing token: {self._release.too_far.format(ttl=ttl)}")
        if len(key) > MAX_HASH:
            raise Refusal(f"error storing token: {self._too_long(MAX_HASH)}")
        if key in self._rows:
            raise same_hash()
        self._rows[key] = Row(subject, self._now() + ttl * 1_000_000 if ttl > 0 else None)

    def get(self, key: str) -> Row | None:
        return self._rows.get(key)

    def expired(self, row: Row) -> bool:
        return row.expires is not None and self._now() > row.expires

    def delete(self, key: str) -> int:
        return 0 if self._rows.pop(key, None) is None else 1

    def delete_subject(self, subject: str) -> int:
        return self._keep(lambda row: row.subject != subject)

    def delete_expired(self) -> int:
        return self._keep(lambda row: not self.expired(row))

    def clear(self) -> None:
        self._rows.clear()

    def items(self) -> list[tuple[str, Row]]:
        """Oldest first, the expired included."""
        return list(self._rows.items())

    def _keep(self, wanted: Callable[[Row], bool]) -> int:
        before = len(self._rows)
        self._rows = {key: row for key, row in self._rows.items() if wanted(row)}
        return before - len(self._rows)

    def _check_subject(self, subject: str) -> None:
        """Raise what Postgres says to a subject that it does not take."""
        wrong = ""
        if not subject and not self._release.blank_subject:
            wrong = BLANK
        elif len(subject) > self._release.longest_subject:
            wrong = self._too_long(self._release.longest_subject)
        if wrong and self._release.principals:
            raise Refusal(f"ensure principal {subject}: insert into auth.principals: {wrong}")
        if wrong:
            raise Refusal(f"error storing token: {wrong}")

    def _too_long(self, limit: int) -> str:
        return self._release.too_long.format(limit=limit)

    def _now(self) -> int:
        return round(self._clock.now() * 1_000_000)
