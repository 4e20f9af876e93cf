"""The plugin is killed in mid-login: what it had made is gone after the next rollback.

A rollback comes when the host calls for it, every minute, and leaves young entries alone. So all
is broken first, then comes one wait, and then each test looks at what is left of its own login.
"""

import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.integration.conftest import GENERATIONS
from tests.integration.leftovers import (
    ROLLBACK_SECONDS,
    Leftovers,
    look,
    wait_for_rollback,
)
from tests.integration.mount import PLUGIN, SOON, Mount, Refused, eventually
from tests.integration.openbao import VaultServer, servers
from tests.pachd import Simulator, When

REQUEST_TIMEOUT = 3  # seconds
STALL = 2.0  # seconds that pachd holds the plugin where it is killed
TTL = 600  # seconds
ROLE = "ci"

pytestmark = pytest.mark.timeout(ROLLBACK_SECONDS + 120)  # the first test waits for the rollback


@dataclass(frozen=True)
class KillPoint:
    """Where in a login the plugin dies, by pachd's method and what it had done of it."""

    name: str
    method: dict[str, str]  # by generation
    when: When
    token: bool = False  # whether it was made
    role: bool = False
    safe: bool = True


def everywhere(method: str) -> dict[str, str]:
    return dict.fromkeys(GENERATIONS, method)


GRANT = {"1.x": "SetScope", "2.x": "ModifyRoleBinding"}
MINT = {"1.x": "GetAuthToken", "2.x": "GetRobotToken"}
PROOF = everywhere("WhoAmI")
RESTORE = everywhere("RestoreAuthToken")
UNSAFE = KillPoint("unsafe", MINT, When.AFTER, token=True, safe=False)
POINTS = [
    KillPoint("before-the-token", RESTORE, When.BEFORE),
    KillPoint("with-the-token", RESTORE, When.AFTER, token=True),
    KillPoint("at-its-proof", PROOF, When.BEFORE, token=True),
    KillPoint("before-the-grant", GRANT, When.BEFORE, role=True),
    KillPoint("with-the-grant", GRANT, When.AFTER, role=True),
    KillPoint("with-grant-and-token", RESTORE, When.AFTER, token=True, role=True),
    UNSAFE,
]
SAFE = [point for point in POINTS if point.safe]
EPHEMERAL = [point for point in POINTS if point.role]
WITH_GRANT = [point for point in EPHEMERAL if point.when is When.AFTER]
WITH_TOKEN = [point for point in POINTS if point.token]


@dataclass(frozen=True)
class Killed:
    """One login whose plugin was killed, and what there was once it had been answered."""

    token: str
    subject: str  # of that token
    prefix: str  # of its tokens' subjects
    began: float
    after: Leftovers
    logged: frozenset[str]  # the tokens it left in the log


@dataclass(frozen=True)
class Estate:
    """What was broken on a mount, and what was left."""

    killed: dict[str, Killed]  # by the name of the point
    rolled_back: Leftovers
    alive: set[str]  # of the tokens that were in the log, after the rollback
    revoked: Leftovers  # after every lease was revoked


@pytest.fixture(scope="module", params=servers(), ids=lambda server: server[0])
def estates(request: pytest.FixtureRequest, plugin_file: Path) -> Iterator[dict[str, Estate]]:
    """By generation, after the rollback of all."""
    directory = Path(tempfile.mkdtemp(prefix="vc"))
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, directory)
        server = stack.enter_context(VaultServer(request.param[1], directory))
        server.register(PLUGIN, plugin_file)
        broken = {}
        for generation, kind in GENERATIONS.items():
            pachd = stack.enter_context(Simulator(kind()))
            mount = stack.enter_context(Mount(server, f"pachyderm-{generation[0]}", pachd))
            mount.configure(crash_safe=True, request_timeout=REQUEST_TIMEOUT, renewable=False)
            broken[generation] = mount, {point.name: break_at(point, mount) for point in POINTS}
        wait_for_rollback(*(mount for mount, _ in broken.values()))
        yield {generation: aftermath(*left) for generation, left in broken.items()}


def aftermath(mount: Mount, killed: dict[str, Killed]) -> Estate:
    """What the rollback left, and then the revocation of every lease."""
    rolled_back = look(mount)
    logged = frozenset[str]().union(*(one.logged for one in killed.values()))
    alive = {token for token in logged if mount.pachd.subject_of(token) is not None}
    mount.ask("PUT", f"/v1/sys/leases/revoke-prefix/{mount.path}", {"sync": True})
    return Estate(killed=killed, rolled_back=rolled_back, alive=alive, revoked=look(mount))


@pytest.fixture(params=GENERATIONS)
def estate(request: pytest.FixtureRequest, estates: dict[str, Estate]) -> Estate:
    found: Estate = estates[request.param]
    return found


def of(points: list[KillPoint]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("point", points, ids=lambda point: point.name)


def break_at(point: KillPoint, mount: Mount) -> Killed:
    """Kill the plugin while pachd holds it at `point`; another one answers the next login."""
    pachd, prefix = mount.pachd, f"robot:{point.name}"
    method = point.method["1.x" if mount.extends else "2.x"]
    grant = "repo:images=READER" if mount.extends else "repo:default/images=repoReader"
    mount.write("config", {"crash_safe": point.safe, "allowed_grants": grant})
    login = f"login/{prefix}"
    if point.role:
        role = {"subject": f"{prefix}-{{{{random}}}}", "grants": grant, "renewable": False}
        mount.write(f"roles/{ROLE}", role)
        login = f"creds/{ROLE}"
    before = look(mount)
    pachd.forget()
    began = time.time()
    with ThreadPoolExecutor(1) as asking:
        pachd.faults.slow(method, STALL, point.when)
        answer = asking.submit(mount.write, login, {"ttl": TTL})
        eventually(lambda: pachd.counts()[method] > 0)
        if point.when is When.AFTER:
            eventually(lambda: done(look(mount)) != done(before))
        pachd.faults.clear()
        mount.server.kill_plugin(PLUGIN)
    token = token_of(answer, partial(mount.write, login, {"ttl": TTL}))
    after = look(mount)
    return Killed(
        token=token,
        subject=pachd.subject_of(token) or "",
        prefix=prefix,
        began=began,
        after=after,
        logged=after.logged - before.logged,
    )


def done(seen: Leftovers) -> object:
    """What pachd did."""
    return seen.tokens, seen.granted


def token_of(answer: Future[Any], again: Callable[[], Any]) -> str:
    """The token a login ends with.

    The server asks a new plugin by itself only where it noted that the old one died before it
    noted that it does not answer; else the login is refused, and whoever wants it asks `again`.
    """
    try:
        told = answer.result()
    except Refused:
        told = again()
    token: str = told["data"]["user_token"]
    return token


def test_the_login_is_answered_by_another_plugin(estate: Estate) -> None:
    for killed in estate.killed.values():
        assert killed.subject.startswith(killed.prefix)


@of(SAFE)
def test_what_was_begun_is_in_the_log_until_the_rollback(estate: Estate, point: KillPoint) -> None:
    killed = estate.killed[point.name]
    assert len(killed.logged) == 1
    assert killed.token not in killed.logged
    assert estate.rolled_back.logged == frozenset()


@of(SAFE)
def test_only_the_token_of_the_answer_outlives_the_rollback(
    estate: Estate, point: KillPoint
) -> None:
    killed = estate.killed[point.name]
    assert len(killed.after.tokens_of(killed.prefix)) == (2 if point in WITH_TOKEN else 1)
    assert not killed.logged & estate.alive
    (left,) = estate.rolled_back.tokens_of(killed.prefix)
    assert left.subject == killed.subject


@of(EPHEMERAL)
def test_only_the_robot_of_the_answer_keeps_its_grants(estate: Estate, point: KillPoint) -> None:
    killed = estate.killed[point.name]
    assert len(killed.after.granted_of(killed.prefix)) == (2 if point in WITH_GRANT else 1)
    assert estate.rolled_back.granted_of(killed.prefix) == {killed.subject}


def test_without_crash_safe_the_lost_token_ends_by_its_ttl(estate: Estate) -> None:
    killed = estate.killed[UNSAFE.name]
    assert killed.logged == frozenset()
    left = estate.rolled_back.tokens_of(killed.prefix)
    assert len(left) == 2
    for token in left:
        assert token.end is not None
        # The clock of the second started when the first plugin had died.
        assert killed.began + TTL <= token.end <= killed.began + TTL + REQUEST_TIMEOUT + SOON


def test_revoking_every_lease_leaves_only_that(estate: Estate) -> None:
    (left,) = estate.revoked.tokens
    assert left.subject == f"robot:{UNSAFE.name}"
    assert estate.revoked.granted == frozenset()
