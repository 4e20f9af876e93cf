"""A steady load of logins, renewals and revocations, as many applications make it."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Self

import requests

from tests.integration.mount import Refused, eventually
from tests.integration.openbao import START_SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.integration.mount import Mount

ROLE = "ci"
TTL = 60  # seconds of a lease; some are renewed, some given back, some end while the load runs
KEPT = 12  # leases a client keeps, beyond which it revokes its oldest
WORK = {"login": 3, "creds": 2, "renew": 3, "revoke": 2, "config": 1}  # in which proportion


@dataclass
class Tally:
    """What came of a load; times are Unix seconds."""

    answered: Counter[str] = field(default_factory=Counter)  # by kind of work
    refused: Counter[str] = field(default_factory=Counter)  # by the server's words
    ended: dict[str, set[str]] = field(default_factory=dict)  # by mount: leases given back
    slowest: list[float] = field(default_factory=list)  # seconds of what took over a second
    broken: list[str] = field(default_factory=list)  # what config said that nobody wrote

    def hung(self, seconds: float) -> int:
        """How many requests took longer."""
        return sum(one > seconds for one in self.slowest)


class Load:
    """Clients at each of `mounts`, one request after the other, until the context ends.

    Call `prepare` on each mount first. `pause` is the seconds a client rests after a request.
    """

    def __init__(
        self,
        mounts: list[Mount],
        seed: int,
        *,
        clients: int = 3,
        pause: float = 0.01,
    ) -> None:
        self.tally = Tally(ended={mount.path: set() for mount in mounts})
        self._pause = pause
        self._owed: set[str] = set()  # leases that a client has begun to give back
        self._over = threading.Event()
        self._lock = threading.Lock()
        self._seats = [(mount, f"{seed}-{n}") for n in range(clients) for mount in mounts]
        self._pool = ThreadPoolExecutor(len(self._seats), thread_name_prefix="load")
        self._clients: list[Future[None]] = []

    def __enter__(self) -> Self:
        self._clients = [self._pool.submit(self._client, *seat) for seat in self._seats]
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._pool.shutdown()
        for client in self._clients:
            client.result()

    @property
    def answered(self) -> int:
        """How many requests were answered."""
        return self.tally.answered.total()

    @property
    def refused(self) -> int:
        """How many were refused, or not answered."""
        return self.tally.refused.total()

    def go_on(self, answers: int, seconds: float = START_SECONDS) -> None:
        """Back when so many more requests were answered; AssertionError where they are not."""
        wanted = self.answered + answers
        eventually(lambda: self.answered >= wanted, seconds)

    def be_refused(self, refusals: int, seconds: float = START_SECONDS) -> None:
        """Back when so many more requests were refused; AssertionError where they are not."""
        wanted = self.refused + refusals
        eventually(lambda: self.refused >= wanted, seconds)

    def _client(self, mount: Mount, seed: str) -> None:
        rng = random.Random(seed)
        leases: list[str] = []
        while not self._over.wait(self._pause):
            (kind,) = rng.choices(list(WORK), list(WORK.values()))
            if len(leases) > KEPT:
                kind = "revoke"
            elif not leases and kind in ("renew", "revoke"):
                kind = "login"
            work: Callable[[Mount, random.Random, list[str]], None] = getattr(self, f"_{kind}")
            began = time.monotonic()
            try:
                work(mount, rng, leases)
            except Refused as refusal:
                self._count(self.tally.refused, f"{refusal.status} {shown(refusal.errors)}")
            except requests.RequestException as error:
                self._count(self.tally.refused, type(error).__name__)
                self._over.wait(0.05)  # nobody listens
            else:
                self._count(self.tally.answered, kind)
            took = time.monotonic() - began
            if took > 1:
                self.tally.slowest.append(took)
        for lease in set(leases) & self._owed:
            eventually(partial(self._given_back, mount, lease), START_SECONDS)

    def _login(self, mount: Mount, rng: random.Random, leases: list[str]) -> None:
        answer = mount.write(f"login/robot:{rng.choice('abc')}", {"ttl": TTL})
        leases.append(answer["lease_id"])

    def _creds(self, mount: Mount, rng: random.Random, leases: list[str]) -> None:
        del rng
        leases.append(mount.write(f"creds/{ROLE}", {"ttl": TTL})["lease_id"])

    def _renew(self, mount: Mount, rng: random.Random, leases: list[str]) -> None:
        body = {"lease_id": rng.choice(leases), "increment": TTL}
        mount.ask("PUT", "/v1/sys/leases/renew", body)

    def _revoke(self, mount: Mount, rng: random.Random, leases: list[str]) -> None:
        """Give a lease back."""
        del rng
        lease = leases[0]
        self._owed.add(lease)  # a refusal leaves it half done: its client will ask again
        mount.ask("PUT", "/v1/sys/leases/revoke", {"lease_id": lease})
        leases.remove(lease)
        self.tally.ended[mount.path].add(lease)

    def _given_back(self, mount: Mount, lease: str) -> bool:
        """Whether the lease is revoked now."""
        try:
            mount.ask("PUT", "/v1/sys/leases/revoke", {"lease_id": lease})
        except (Refused, requests.RequestException):
            return False
        self.tally.ended[mount.path].add(lease)
        return True

    def _config(self, mount: Mount, rng: random.Random, leases: list[str]) -> None:
        """Write the configuration, or read it and see that it was written so."""
        del leases
        if rng.random() < 0.2:
            mount.write("config", rng.choice(CONFIGS))
            return
        read: dict[str, Any] = mount.read("config")
        if {name: read.get(name) for name in CONFIGS[0]} not in CONFIGS:
            self.tally.broken.append(f"{read.get('ttl')} {read.get('max_ttl')}")

    def _count(self, counter: Counter[str], what: str) -> None:
        with self._lock:
            counter[what] += 1


# What a load writes to config: each belongs together, so half of one is seen.
CONFIGS: tuple[dict[str, Any], ...] = (
    {"ttl": "15m0s", "max_ttl": "30m0s"},
    {"ttl": "16m0s", "max_ttl": "32m0s"},
)


# Seconds that a token of a load is made to last, on 1.x and, by the max_ttl of either config or as
# what is not renewable, on 2.x; each a little more by config's request_timeout.
LIVES = (TTL, 30 * 60, 32 * 60)


def prepare(mount: Mount, **fields: Any) -> None:
    """Write the config and the role that a load uses; the role's robots are ephemeral."""
    grant = "repo:images=READER" if mount.extends else "repo:default/images=repoReader"
    mount.configure(**{**CONFIGS[0], "allowed_grants": grant, **fields})
    role = {"subject": f"robot:{ROLE}-{{{{random}}}}", "grants": grant}
    mount.write(f"roles/{ROLE}", role)


def shown(errors: list[str]) -> str:
    """The first words of an answer: the rest differs from one to the next."""
    return " ".join(errors)[:80]
