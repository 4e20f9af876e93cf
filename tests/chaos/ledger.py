"""Who knows which token: pachd, the host's leases, the engine's log. What does not add up is lost.

Read from below: every lease and log entry out of the server's own storage, every token out of
pachd's. Nothing here asks the engine, but for its configuration.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from tests.chaos.record import Loss
from tests.integration.leftovers import Leftover, look
from tests.pachd.tokens import hashed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from tests.integration.mount import Mount
    from tests.integration.openbao import VaultServer

EXPIRATION = "/v1/sys/raw/sys/expire/id"  # where the host keeps its leases


@dataclass(frozen=True)
class HostLease:
    """A lease as the host stores it; `end` in Unix seconds."""

    id: str
    end: float

    @property
    def runs(self) -> bool:
        """Whether it is neither over nor revoked."""
        return self.end > time.time()


@dataclass(frozen=True)
class Account:
    """All tokens of one mount at one time, by their hashes."""

    live: Mapping[str, Leftover]  # at pachd
    leased: Mapping[str, HostLease]
    logged: frozenset[str]  # in the engine's log, of logins under way
    given: frozenset[str]  # in the log, and given out
    granted: frozenset[str]  # the robots with grants

    @property
    def lost(self) -> list[Leftover]:
        """Live tokens that nobody knows, and so cannot end before their time."""
        known = self.leased.keys() | self.logged | self.given
        return [token for key, token in self.live.items() if key not in known]

    @property
    def orphans(self) -> set[str]:
        """Tokens given out whose lease was never written: the log ends them with their TTL."""
        return self.live.keys() & self.given - self.leased.keys()

    @property
    def gone(self) -> list[HostLease]:
        """Leases whose token is dead before their time: the host knows nothing of it."""
        held = self.leased.items()
        return [lease for key, lease in held if key not in self.live and lease.runs]

    @property
    def over(self) -> bool:
        """Whether nothing is left, but for what is lost."""
        return not (self.leased or self.logged or self.given or self.granted)

    def losses(self) -> Counter[Loss]:
        """By kind, those with none left out."""
        return +Counter({Loss.TOKEN: len(self.lost), Loss.LEASE: len(self.gone)})


def account(mount: Mount) -> Account:
    """What there is now. Ask when nobody else does, or what is under way counts as lost."""
    leftovers = look(mount)
    return Account(
        live={token.hash: token for token in leftovers.tokens},
        leased={hashed(token): lease for token, lease in _leases(mount, mount.path)},
        logged=frozenset(map(hashed, leftovers.logged)),
        given=frozenset(map(hashed, leftovers.given)),
        granted=leftovers.granted,
    )


def settled(mount: Mount, ended: set[str], seconds: float) -> Account:
    """The account once all is well; after `seconds` as it is.

    All is well when nothing is lost and every lease of `ended`, whose revocation the host has
    taken upon itself, is gone with its token.
    """
    return _once(lambda now: not (now.losses() or unrevoked(now, ended)), mount, seconds)


def after_all(mount: Mount, seconds: float) -> Account:
    """The account once nothing is left; after `seconds` as it is."""
    return _once(lambda now: now.over, mount, seconds)


def _once(good: Callable[[Account], bool], mount: Mount, seconds: float) -> Account:
    deadline = time.monotonic() + seconds
    while True:
        now = account(mount)
        if good(now) or time.monotonic() >= deadline:
            return now
        time.sleep(0.5)


def unrevoked(now: Account, ended: set[str]) -> int:
    """How many leases of `ended` are still there."""
    return sum(lease.id in ended for lease in now.leased.values())


def irrevocable(server: VaultServer) -> int:
    """How many leases the host has given up to revoke."""
    status, answer = server.http("GET", "/v1/sys/leases/count?type=irrevocable")
    assert status == 200, answer
    number: int = answer["data"]["lease_count"]
    return number


def secrets_shown(server: VaultServer) -> list[str]:
    """The lines of the server's logs that show a token. For a server that has ended."""
    return server.shown()


def _leases(mount: Mount, folder: str) -> Iterator[tuple[str, HostLease]]:
    """The token of each lease below `folder`, and the lease."""
    status, answer = mount.server.http("LIST", f"{EXPIRATION}/{folder}")
    assert status in (200, 404), answer  # there is no empty folder
    for key in answer["data"]["keys"] if status == 200 else ():
        name = f"{folder}/{key.rstrip('/')}"
        if key.endswith("/"):
            yield from _leases(mount, name)
            continue
        status, answer = mount.server.http("GET", f"{EXPIRATION}/{name}")
        if status == 200:  # else it was revoked just now
            lease: dict[str, Any] = json.loads(answer["data"]["value"])
            token: str = lease["secret"]["internal_data"]["user_token"]
            yield token, HostLease(name, datetime.fromisoformat(lease["expire_time"]).timestamp())
