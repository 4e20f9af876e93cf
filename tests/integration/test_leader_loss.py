"""The leader is killed in mid-traffic, crash-safe: leases hold, and what no lease holds goes.

Only what the killed host lost itself stays: logins the plugin had answered, and whose lease the
host had not written yet. Those tokens stay in the log, by which they end with their TTL.
"""

import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Self

import pytest
import requests

from tests.integration.leftovers import (
    ROLLBACK_SECONDS,
    Leftovers,
    look,
    wait_for_rollback,
)
from tests.integration.mount import PLUGIN, Mount, Refused, eventually
from tests.integration.openbao import START_SECONDS, servers
from tests.integration.raft import NODES, RaftCluster
from tests.pachd import PachdV2, Simulator, When
from tests.pachd.tokens import hashed

PATH = "pachyderm"
ROLE = "ci"
EPHEMERAL = "robot:ci-"
LOGINS = ("login/robot:a", "login/robot:b", f"creds/{ROLE}")  # asked for through each node
REQUEST_TIMEOUT = 1  # seconds
TTL = 900  # seconds
MARGIN = 2 * REQUEST_TIMEOUT  # that a token is asked for longer than its lease
STALL = 0.05  # seconds in which pachd has made a token and not said so
KILLS = 2
BETWEEN = 60  # logins answered before a kill and after it
SLACK = 5.0  # seconds on a busy machine

pytestmark = pytest.mark.timeout(ROLLBACK_SECONDS + 180)  # the first test waits for the rollback


class Traffic:
    """Logins through every node, one after the other in each thread, until its context ends."""

    def __init__(self, mounts: list[Mount]) -> None:
        self.answers: list[dict[str, Any]] = []
        self.refused = 0
        self._over = threading.Event()
        self._asked = [(mount, path) for mount in mounts for path in LOGINS]
        self._pool = ThreadPoolExecutor(len(self._asked))
        self._threads: list[Future[None]] = []

    def __enter__(self) -> Self:
        self._threads = [self._pool.submit(self._flow, *asked) for asked in self._asked]
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._pool.shutdown()
        for thread in self._threads:
            thread.result()

    def go_on(self) -> None:
        """Back when there were more answers than before."""
        wanted = len(self.answers) + BETWEEN
        eventually(lambda: len(self.answers) >= wanted, START_SECONDS)

    def _flow(self, mount: Mount, path: str) -> None:
        while not self._over.is_set():
            try:
                self.answers.append(mount.write(path, {"ttl": TTL}))
            except (Refused, requests.RequestException):
                self.refused += 1
                self._over.wait(0.1)  # there is no leader now, or the node is dead


@dataclass(frozen=True)
class Aftermath:
    """What came of the traffic."""

    answers: list[dict[str, Any]]
    refused: int
    kills: list[float]  # Unix seconds
    leases: set[str]  # that the cluster knows
    alive: set[str]  # of the tokens told or logged, after the rollback
    cut_off: Leftovers  # before the rollback, as the two below
    rolled_back: Leftovers
    revoked: Leftovers  # after every lease was revoked


@pytest.fixture(scope="module", params=servers(), ids=lambda server: server[0])
def aftermath(request: pytest.FixtureRequest, plugin_file: Path) -> Iterator[Aftermath]:
    directory = Path(tempfile.mkdtemp(prefix="vl"))
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, directory)
        cluster = stack.enter_context(RaftCluster(request.param[1], directory))
        pachd = stack.enter_context(Simulator(PachdV2()))
        cluster.register(PLUGIN, plugin_file)
        cluster.enable(PLUGIN, PATH)
        mounts = [Mount(node, PATH, pachd) for node in cluster.nodes]
        mounts[0].configure(
            crash_safe=True,
            request_timeout=REQUEST_TIMEOUT,
            renewable=False,
            allowed_grants="repo:default/images=repoReader",
        )
        role = {"subject": f"{EPHEMERAL}{{{{random}}}}", "renewable": False}
        mounts[0].write(f"roles/{ROLE}", {**role, "grants": "repo:default/images=repoReader"})
        pachd.faults.slow("RestoreAuthToken", STALL, When.AFTER)
        kills = []
        with Traffic(mounts) as traffic:
            for _ in range(KILLS):
                traffic.go_on()
                leader = cluster.wait_for_leader()
                eventually(lambda: pachd.journal("RestoreAuthToken")[-1].code is None)
                leader.kill9()
                kills.append(time.time())
                cluster.wait_for_leader()
                traffic.go_on()
                cluster.start(leader)
                eventually(partial(leader.serves, PATH), START_SECONDS)
        pachd.faults.clear()
        # The host counts its minutes from when it became active: by the first of a new leader the
        # entries are old enough, by that of the present one they may not be.
        mounts[0].ask("PUT", "/v1/sys/step-down")
        mount = mounts[cluster.nodes.index(cluster.wait_for_leader())]
        cut_off = look(mount)
        wait_for_rollback(mount)
        rolled_back, leases = look(mount), known(mount)
        seen = cut_off.logged | {told(answer) for answer in traffic.answers}
        alive = {token for token in seen if pachd.subject_of(token) is not None}
        mount.ask("PUT", f"/v1/sys/leases/revoke-prefix/{PATH}", {"sync": True})
        yield Aftermath(
            answers=traffic.answers,
            refused=traffic.refused,
            kills=kills,
            leases=leases,
            alive=alive,
            cut_off=cut_off,
            rolled_back=rolled_back,
            revoked=look(mount),
        )


def known(mount: Mount) -> set[str]:
    """The leases that the cluster knows."""
    found = set()
    for path in LOGINS:
        prefix = f"{PATH}/{path}"
        keys = mount.ask("LIST", f"/v1/sys/leases/lookup/{prefix}")["data"]["keys"]
        found |= {f"{prefix}/{key}" for key in keys}
    return found


def told(answer: dict[str, Any]) -> str:
    """The token of a login."""
    token: str = answer["data"]["user_token"]
    return token


def test_the_leader_was_killed_in_the_midst_of_logins(aftermath: Aftermath) -> None:
    assert aftermath.refused
    assert aftermath.cut_off.logged
    assert len(aftermath.cut_off.tokens) > len(aftermath.rolled_back.tokens)


def test_every_login_that_was_answered_holds(aftermath: Aftermath) -> None:
    assert {answer["lease_id"] for answer in aftermath.answers} <= aftermath.leases
    assert {told(answer) for answer in aftermath.answers} == aftermath.alive


def test_every_lease_holds_a_token_and_hardly_a_token_is_without(
    aftermath: Aftermath, capsys: pytest.CaptureFixture[str]
) -> None:
    held, lost = len(aftermath.leases), len(aftermath.revoked.tokens)
    gone = len(aftermath.cut_off.tokens) - len(aftermath.rolled_back.tokens)
    with capsys.disabled():
        print(
            f"\n{len(aftermath.answers)} logins, {len(aftermath.kills)} leaders killed,"
            f" {aftermath.refused} requests refused meanwhile;"
            f" {len(aftermath.cut_off.logged)} logins in the log, of which {gone} had a token;"
            f" {held - len(aftermath.answers)} leases nobody was told of;"
            f" {lost} tokens lost by the host"
        )
    assert len(aftermath.rolled_back.tokens) == held + lost
    assert lost <= len(aftermath.kills) * NODES * len(LOGINS)


def test_what_the_host_lost_was_made_as_it_died_and_is_in_the_log(aftermath: Aftermath) -> None:
    logged = set(map(hashed, aftermath.revoked.given))
    for token in aftermath.revoked.tokens:
        assert token.hash in logged
        assert token.end is not None
        made = token.end - TTL - MARGIN
        assert any(kill - MARGIN - SLACK <= made <= kill + SLACK for kill in aftermath.kills)


def test_no_robot_keeps_grants_without_a_token(aftermath: Aftermath) -> None:
    for left in (aftermath.rolled_back, aftermath.revoked):
        assert left.granted == {token.subject for token in left.tokens_of(EPHEMERAL)}
