"""Clients give a login up at every moment: in the end there is no token without a lease.

The server cancels the plugin's call then, also after the answer has left, and makes no lease. All
mounts of a server share the plugin's process; nobody else is at these.
"""

from __future__ import annotations

import contextlib
import random
import shutil
import subprocess
import tempfile
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import hvac
import pytest
import requests
from grpc import StatusCode

from tests.chaos.crowd import Came, coming, crowd
from tests.chaos.ledger import account, irrevocable, secrets_shown
from tests.chaos.load import ROLE, prepare
from tests.chaos.record import Loss
from tests.integration.conftest import GENERATIONS
from tests.integration.leftovers import ROLLBACK_SECONDS, look
from tests.integration.mount import PLUGIN, Mount
from tests.integration.openbao import VaultServer, servers
from tests.pachd import Simulator, When

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.chaos.conftest import Chaos

REQUEST_TIMEOUT = 5  # seconds, many times what an outage lasts
CLIENTS = 8  # of each mount
PACE = 0.4  # seconds from one request of a client to its next: many shall be answered in time
PATIENCE = (0.01, 0.12)  # seconds
ANY_PATIENCE = {True: (0.0001, 3.0), False: (0.0001, 1.0)}  # at full size and short
SLOW = 0.3  # seconds
OUTAGE = (0.3, 1.0)  # seconds, and as many of rest before the next
START = (0.05, 0.4)  # seconds in which a command line has begun to ask, or is about to end
SETTLING = 20.0  # seconds in which what was given up is ended, unless the log must do it
ASKS = (
    ("POST", "login/robot:test", {"ttl": "10m"}),
    ("PUT", "login/robot:test", {"ttl": "10m", "renewable": False}),
    ("PUT", f"creds/{ROLE}", {"ttl": "10m"}),
    ("GET", f"creds/{ROLE}", None),
)

pytestmark = pytest.mark.timeout(1800)


@dataclass
class Scene:
    """A mount, and whether its logins are crash-safe."""

    mount: Mount
    safe: bool


@dataclass
class Figures:
    """What came of the mounts of one kind."""

    came: Came = field(default_factory=Came)
    losses: Counter[Loss] = field(default_factory=Counter)

    def record(self, run: Chaos, *notes: str) -> Any:
        return run.record(
            trials=self.came.asked,
            answered=self.came.answered,
            refused=self.came.failed,
            losses=+self.losses,
            notes=[f"Given up: {self.came.left:,}.", *notes],
        )


def freeze(pachd: Any) -> None:
    pachd.freeze()


def be_slow(pachd: Any) -> None:
    pachd.faults.slow("*", SLOW)


def answer_slowly(pachd: Any) -> None:
    pachd.faults.slow("*", SLOW, When.AFTER)


def refuse(pachd: Any) -> None:
    pachd.faults.refuse("*", StatusCode.UNAVAILABLE, "etcdserver: request timed out")


def refuse_revocations(pachd: Any) -> None:
    pachd.faults.refuse("RevokeAuthToken", StatusCode.UNKNOWN, "pq: starting up")


def drop_calls(pachd: Any) -> None:
    pachd.faults.drop("*")


def drop_answers(pachd: Any) -> None:
    pachd.faults.drop("*", When.AFTER)


def die(pachd: Any) -> None:
    pachd.die()


# None of these loses an answer of pachd's, with which a token is lost that only pachd could tell.
SPARING: Final = (freeze, be_slow, answer_slowly, refuse, refuse_revocations)
OUTAGES: Final = {False: SPARING, True: (*SPARING, drop_calls, drop_answers, die)}


def fail(scene: Scene, rng: random.Random, over: threading.Event) -> None:
    """One outage of a mount's pachd after the other."""
    pachd = scene.mount.pachd
    while not over.wait(rng.uniform(*OUTAGE)):
        outage = rng.choice(OUTAGES[scene.safe])
        outage(pachd)
        over.wait(rng.uniform(*OUTAGE))
        pachd.faults.clear()
        pachd.thaw()
        if outage is die:
            pachd.restart()


def use_hvac(mount: Mount, rng: random.Random) -> None:
    """Log in with the library's own limit of time."""
    server = mount.server
    client = hvac.Client(
        url=server.address, token=server.root_token, timeout=rng.uniform(*PATIENCE)
    )
    with contextlib.suppress(requests.RequestException, hvac.exceptions.VaultError):
        client.write_data(f"{mount.path}/login/robot:test", data={"ttl": "10m"})
    client.adapter.close()


def use_cli(mount: Mount, rng: random.Random) -> None:
    """Log in with the server's own command line, and kill it."""
    server = mount.server
    process = subprocess.Popen(
        [str(server.binary), "write", "-force", f"{mount.path}/login/robot:test"],
        env=server.environment(server.root_token),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(rng.uniform(*START))
    process.kill()
    process.wait()


@contextlib.contextmanager
def stage(binary: Path, plugin_file: Path) -> Iterator[tuple[VaultServer, list[Scene]]]:
    """A server with a mount of either kind for a cluster of each generation; it shows no secret."""
    directory = Path(tempfile.mkdtemp(prefix="vc"))
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, directory)
        server = VaultServer(binary, directory)
        with server:
            server.register(PLUGIN, plugin_file)
            scenes: list[Scene] = []
            for generation, kind in GENERATIONS.items():
                for safe in (False, True):
                    pachd = stack.enter_context(Simulator(kind()))
                    mount = Mount(server, f"pachyderm-{generation[0]}-{len(scenes)}", pachd)
                    server.enable(PLUGIN, mount.path)
                    prepare(mount, request_timeout=REQUEST_TIMEOUT, crash_safe=safe)
                    scenes.append(Scene(mount, safe))
            yield server, scenes
        assert secrets_shown(server) == []


def give_up(run: Chaos, scenes: list[Scene], seconds: float, *, failing: bool) -> list[Came]:
    """Clients of every mount at once, by every means; what came of the crowds of each."""
    over = threading.Event()
    clients = CLIENTS if run.full else CLIENTS // 2
    crowds = [
        crowd(
            run,
            [scene.mount],
            *ASKS,
            clients=clients,
            seconds=seconds,
            pace=PACE,
            patience=patience,
        )
        for scene in scenes
        for patience in (PATIENCE, ANY_PATIENCE[run.full])
    ]
    with ThreadPoolExecutor() as pool, coming(*crowds) as came:
        every = [scene.mount for scene in scenes]
        tasks = [pool.submit(by_every_means, every, rng(run), over)]
        if failing:
            tasks += [pool.submit(fail, scene, rng(run), over) for scene in scenes]
        try:
            results = [one.result() for one in came]
        finally:
            over.set()
        for task in tasks:
            task.result()
    for first, second in zip(results[::2], results[1::2], strict=True):
        first.add(second)
    return results[::2]


def rng(run: Chaos) -> random.Random:
    """One for a thread of its own."""
    return random.Random(run.random.randrange(10**6))


def by_every_means(mounts: list[Mount], rng: random.Random, over: threading.Event) -> None:
    """Clients that are no raw sockets, one after the other."""
    while not over.is_set():
        rng.choice((use_hvac, use_cli))(rng.choice(mounts), rng)


def reckon(scene: Scene, came: Came, *, full: bool, failed: bool) -> Counter[Loss]:
    """What is lost once every lease is revoked: whatever is left then.

    Where pachd `failed`, the log may have to do it: at full size its rollback is waited for, the
    short cut leaves to it what it knows. Where pachd was well, there is nothing for it to do, but
    for logins that were cut off on their way.
    """
    mount = scene.mount
    living = {token.hash for token in look(mount).tokens}
    losses = Counter({Loss.LEASE: sum(token not in living for token in came.tokens)})
    mount.ask("PUT", f"/v1/sys/leases/revoke-prefix/{mount.path}", {"sync": True})
    waiting = full and failed
    deadline = time.monotonic() + (2 * ROLLBACK_SECONDS if waiting else SETTLING)
    while True:
        now = account(mount)
        left = len(now.live if waiting else now.lost) + (0 if failed else len(now.orphans))
        granted = len(now.granted) if waiting else 0
        if not (left or granted) or time.monotonic() > deadline:
            break
        time.sleep(1)
    losses[Loss.TOKEN] += left
    losses[Loss.GRANT] += granted
    losses[Loss.REVOCATION] += len(now.leased)
    return losses


def test_no_token_is_left_without_a_lease(chaos: Callable[[str], Chaos], plugin_file: Path) -> None:
    runs = {False: chaos("given-up-plain"), True: chaos("given-up")}
    totals = {False: Figures(), True: Figures()}
    for _, binary in servers():
        with stage(binary, plugin_file) as (server, scenes):
            (pid,) = server.plugin_pids(PLUGIN)
            for failing in (False, True):
                came = give_up(runs[True], scenes, runs[True].trials, failing=failing)
                close = partial(reckon, full=runs[True].full, failed=failing)
                with ThreadPoolExecutor() as pool:
                    losses = list(pool.map(close, scenes, came))
                for scene, one, lost in zip(scenes, came, losses, strict=True):
                    totals[scene.safe].came.add(one)
                    totals[scene.safe].losses += lost
            totals[True].losses[Loss.PLUGIN] += server.plugin_pids(PLUGIN) != [pid]
            totals[True].losses[Loss.REVOCATION] += irrevocable(server)
    where = f"On {' and '.join(name for name, _ in servers())}."
    records = [totals[safe].record(run, where) for safe, run in runs.items()]
    assert all(total.came.left and total.came.answered for total in totals.values())
    assert not records[0].losses
    assert not records[1].losses
