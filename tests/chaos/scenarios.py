"""What is tried, how often at each size, and what is promised of it: the table of the suite."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Size(Enum):
    """How much of the suite to run."""

    SHORT = "short"  # in make test
    FULL = "full"  # make chaos, make soak


class Promise(Enum):
    """What may be lost."""

    NOTHING = "nothing"
    BOUNDED = "counted; ends by its TTL"


@dataclass(frozen=True)
class Scenario:
    """One row of docs/reliability.md.

    `name` is the key in code and of the figures' file; `tried` and `unit` are the words of the
    table: what is done, and what one trial is. `short` and `full` are trials, of the soak and of
    clients that give up seconds; what takes too long for `make test` has no `short` ones.
    """

    name: str
    tried: str
    unit: str
    short: int
    full: int
    promise: Promise = Promise.NOTHING

    def trials(self, size: Size) -> int:
        """How often it is tried."""
        return self.full if size is Size.FULL else self.short


SCENARIOS = {
    scenario.name: scenario
    for scenario in (
        Scenario("plugin-kills", "`kill -9` of the plugin, `crash_safe=true`", "kills", 5, 500),
        Scenario(
            "plugin-kills-plain",
            "`kill -9` of the plugin, `crash_safe=false`",
            "kills",
            0,
            200,
            Promise.BOUNDED,
        ),
        Scenario(
            "server-kills", "`kill -9` and restart of the server, `crash_safe=true`", "kills", 1, 50
        ),
        Scenario(
            "server-kills-plain",
            "`kill -9` and restart of the server, `crash_safe=false`",
            "kills",
            0,
            50,
            Promise.BOUNDED,
        ),
        Scenario("seals", "seal and unseal, `crash_safe=true`", "seals", 1, 50),
        Scenario(
            "leader-losses", "`kill -9` of the leader of three, `crash_safe=true`", "kills", 0, 50
        ),
        Scenario("disk-full", "the server's disk full", "times full", 1, 10),
        Scenario(
            "pachd-outages",
            "pachd at fault in every way while leases come due, `crash_safe=true`",
            "outages",
            8,
            110,
        ),
        Scenario(
            "pachd-outages-plain",
            "the same, `crash_safe=false`",
            "outages",
            8,
            110,
            Promise.BOUNDED,
        ),
        Scenario("long-outage", "pachd away until the host gives up; the repair", "leases", 2, 20),
        Scenario(
            "overload", "200 logins at once at a 2.x pachd that can deadlock", "logins", 200, 4000
        ),
        Scenario("overload-mounts", "the same, from two mounts", "logins", 200, 4000),
        Scenario("revocations", "200 leases revoked at once", "leases", 200, 1800),
        Scenario("bad-input-http", "requests made up over HTTP", "requests", 600, 30_000),
        Scenario("bad-input-socket", "on the plugin's socket", "requests", 1500, 70_000),
        Scenario("hostile-http2", "hostile HTTP/2 there", "connections", 32, 1000),
        Scenario(
            "given-up",
            "clients that give up at every moment, also while pachd fails, `crash_safe=true`",
            "requests",
            3,
            30,
        ),
        Scenario("given-up-plain", "the same, `crash_safe=false`", "requests", 3, 30),
        Scenario(
            "signals", "signals to the server's process group under 8 clients", "signals", 8, 80
        ),
        Scenario(
            "neighbours",
            "a mount beside one whose pachd hangs, is slow or floods, and whose clients give up",
            "rounds",
            3,
            16,
        ),
        Scenario(
            "impatience", "120 clients give up after 0.3 s at a pachd that hangs", "seconds", 4, 12
        ),
        Scenario("waiting", "300 logins at once at a pachd that hangs", "logins", 300, 900),
        Scenario("floods", "pachds that send without end while nobody asks", "pachds", 8, 24),
        Scenario(
            "slow-names", "pachds whose names take 45 s to look up, beside one", "logins", 5, 60
        ),
        Scenario("huge-bodies", "bodies of 31 MiB", "bodies", 2, 32),
        Scenario(
            "signed-in",
            "calls of the official clients, signed in by leases of 4 s, under faults of all kinds",
            "calls",
            200,
            10_000,
        ),
        Scenario("soak", "steady load of 20 minutes with random faults", "faults", 6, 1200),
    )
}
