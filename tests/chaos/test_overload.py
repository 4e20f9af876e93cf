"""More requests at once than pachd survives: all are served or refused clearly, none hangs.

The cluster is a 2.x pachd that is sure to deadlock when ten or more checked calls meet.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from grpc import StatusCode

from tests.chaos.ledger import irrevocable, secrets_shown
from tests.chaos.record import Loss
from tests.integration.mount import PLUGIN, Mount, Refused, eventually
from tests.integration.openbao import VaultServer, openbao
from tests.pachd import PachdV2, Simulator

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.chaos.conftest import Chaos

LOGINS = 200  # at once
DEADLOCK = 10  # checked calls at once, of each of which one connection is held
REQUEST_TIMEOUT = 10  # seconds
SLACK = 10.0  # seconds that a request may take beside on a busy machine
ROUND_TRIP = 0.01  # seconds of pachd to its database: calls that come together meet
PACES = (0.001, ROUND_TRIP, 3 * ROUND_TRIP, 12 * ROUND_TRIP)  # the last too slow for all of them
ROBOT = "robot:test"
PATIENCE = 150.0  # seconds, for the host's third try at a revocation

pytestmark = pytest.mark.timeout(1200)


@pytest.fixture(scope="module")
def server(plugin_file: Path) -> Iterator[VaultServer]:
    """A server of the test's own, whose logs show no secret in the end."""
    directory = Path(tempfile.mkdtemp(prefix="vc"))
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, directory)
        server = VaultServer(openbao(), directory)
        with server:
            server.register(PLUGIN, plugin_file)
            yield server
        assert secrets_shown(server) == []


@pytest.fixture
def pachd() -> Iterator[Simulator[PachdV2]]:
    with Simulator(PachdV2()) as pachd:
        pachd.cluster.database.round_trip = ROUND_TRIP
        yield pachd


@pytest.fixture
def mounts(server: VaultServer, pachd: Simulator[PachdV2]) -> Iterator[list[Mount]]:
    """Two mounts of the one cluster."""
    with (
        Mount(server, "pachyderm-1", pachd) as one,
        Mount(server, "pachyderm-2", pachd) as other,
    ):
        for mount in (one, other):
            mount.configure(request_timeout=REQUEST_TIMEOUT)
        yield [one, other]


def storm(mounts: list[Mount], logins: int = LOGINS) -> tuple[int, Counter[str], float]:
    """As many logins at once: how many were served, why others were not, the longest seconds."""

    def login(mount: Mount) -> tuple[str, float]:
        began = time.monotonic()
        try:
            mount.login()
        except Refused as refusal:
            return str(refusal.errors), time.monotonic() - began
        return "", time.monotonic() - began

    with ThreadPoolExecutor(logins) as pool:
        answers = list(pool.map(login, [mounts[n % len(mounts)] for n in range(logins)]))
    said = Counter(words for words, _ in answers)
    return said.pop("", 0), said, max(seconds for _, seconds in answers)


def hung(pachd: Simulator[PachdV2]) -> int:
    """How many calls pachd has not answered."""
    return sum(call.code is not StatusCode.OK for call in pachd.journal())


@pytest.mark.parametrize("number", [1, 2], ids=["one-mount", "two-mounts"])
def test_200_logins_at_once(
    chaos: Callable[[str], Chaos], mounts: list[Mount], pachd: Simulator[PachdV2], number: int
) -> None:
    run = chaos("overload" if number == 1 else "overload-mounts")
    served, refused, losses, slowest = 0, Counter[str](), Counter[Loss](), 0.0
    for _ in range(run.trials // LOGINS):
        pachd.cluster.database.round_trip = run.random.choice(PACES if run.full else PACES[:-1])
        pachd.forget()
        well, ill, seconds = storm(mounts[:number])
        served, slowest = served + well, max(slowest, seconds)
        refused += ill
        assert hung(pachd) == 0, "pachd did not answer"
        losses[Loss.TOKEN] += pachd.live()[ROBOT] - well
        pachd.cluster.database.round_trip = 0.001
        for mount in mounts[:number]:
            mount.ask("PUT", f"/v1/sys/leases/revoke-prefix/{mount.path}", {"sync": False})
        eventually(lambda: not pachd.live()[ROBOT], PATIENCE)
    losses[Loss.HANG] += slowest > REQUEST_TIMEOUT + SLACK
    record = run.record(
        trials=served + refused.total(),
        answered=served,
        refused=refused.total(),
        losses=+losses,
        notes=[
            f"The slowest took {slowest:.1f} s.",
            f"At most {pachd.busiest} calls were at pachd at once.",
        ],
    )
    assert not record.losses
    assert pachd.busiest < DEADLOCK
    assert all("overloaded" in words for words in refused)
    assert served > LOGINS / 2


def test_without_the_limit_pachd_deadlocks(mounts: list[Mount], pachd: Simulator[PachdV2]) -> None:
    """The tests above can fail."""
    mounts[0].write("config", {"max_in_flight": 64, "request_timeout": "1s"})
    pachd.cluster.database.round_trip = 0.1
    _, refused, _ = storm(mounts[:1], 40)
    assert any("no answer within 1s" in words for words in refused)
    assert hung(pachd) > 0


def test_every_lease_of_a_mount_is_revoked_at_once(
    chaos: Callable[[str], Chaos], mounts: list[Mount], pachd: Simulator[PachdV2]
) -> None:
    run, mount = chaos("revocations"), mounts[0]
    losses, leases = Counter[Loss](), 0
    first = run.random.randrange(3)
    ways: list[Callable[[], object]] = [
        lambda: mount.ask("PUT", f"/v1/sys/leases/revoke-prefix/{mount.path}", {"sync": False}),
        lambda: mount.ask("PUT", f"/v1/sys/leases/revoke-prefix/{mount.path}", {"sync": True}),
        lambda: mount.server.disable(mount.path),
    ]
    for trial in range(first, first + run.trials // LOGINS):
        pachd.cluster.database.round_trip = 0.001
        served, refused, _ = storm([mount])
        assert all("overloaded" in words for words in refused)
        assert pachd.live()[ROBOT] == served
        assert served > LOGINS / 2
        leases += served
        if run.full:  # slower than all can be done in time: some must be tried again
            pachd.cluster.database.round_trip = 4 * ROUND_TRIP
            mount.write("config", {"request_timeout": "2s"})
        ways[trial % len(ways)]()
        eventually(lambda: not pachd.live()[ROBOT], PATIENCE)
        losses[Loss.REVOCATION] += irrevocable(mount.server)
        if trial % len(ways) == 2:
            mount.server.enable(PLUGIN, mount.path)
        mount.configure(request_timeout=REQUEST_TIMEOUT)
    record = run.record(trials=leases, losses=+losses)
    assert not record.losses
    assert pachd.busiest < DEADLOCK


def test_a_mount_with_live_leases_goes_when_pachd_is_back(
    mounts: list[Mount], pachd: Simulator[PachdV2]
) -> None:
    """Its removal is refused while pachd is down, and then it revokes them all."""
    mount = mounts[0]
    storm([mount], 20)
    pachd.die()
    with pytest.raises(AssertionError, match="connection refused"):
        mount.server.disable(mount.path)
    pachd.restart()
    mount.server.disable(mount.path)
    assert pachd.live()[ROBOT] == 0
