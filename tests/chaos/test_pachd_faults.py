"""pachd fails in every way while leases come due: all tokens die, no request waits too long.

The outages of a round are at the same time, each with a mount and a cluster of its own, all in one
plugin process, and two healthy mounts in between. Every other outage of a mount is crash-safe.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.chaos.ledger import account, secrets_shown
from tests.chaos.outages import BOTH, FAULTS, HEALTHY, IMPERSONATED, NAMES, Outage, Scene, outlive
from tests.chaos.record import Loss
from tests.integration.conftest import GENERATIONS
from tests.integration.leftovers import wait_for_rollback
from tests.integration.mount import PLUGIN, Mount, Refused
from tests.integration.openbao import VaultServer, openbao
from tests.pachd import Simulator, self_signed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.chaos.conftest import Chaos

AT_ONCE = 28  # outages
REQUEST_TIMEOUT = 2  # seconds
PATIENT = 10  # seconds, of the healthy mounts: a busy machine is no fault
SLACK = 8.0  # seconds that a request may take beside on a busy machine
LEASES = 3  # that come due at each mount in each round
SHORT = 6  # seconds that an outage lasts where there are few
LONG = 24  # seconds, where there are many
LONGER = 100  # seconds
# Seconds until all is well again. The host's tries come 20, 40, 80, 160 s after one another, each a
# fourth more or less; on a busy machine one may fail when pachd is back.
PATIENCE = {SHORT: 90.0, LONG: 90.0, LONGER: 400.0}
GIVEN = "robot:given"  # whom the probes log in

pytestmark = pytest.mark.timeout(2400)


@dataclass
class Figures:
    """What came of the outages of one kind of mount."""

    trials: int = 0
    answered: int = 0
    refused: int = 0
    due: int = 0
    slowest: float = 0.0  # seconds
    losses: Counter[Loss] = field(default_factory=Counter)
    lost_by: Counter[str] = field(default_factory=Counter)  # losses by the outage's name
    unclear: Counter[str] = field(default_factory=Counter)  # refusals that name no cause

    def add(self, other: Figures) -> None:
        self.trials += other.trials
        self.answered += other.answered
        self.refused += other.refused
        self.due += other.due
        self.slowest = max(self.slowest, other.slowest)
        self.losses += other.losses
        self.lost_by += other.lost_by
        self.unclear += other.unclear

    def told(self) -> dict[str, Any]:
        """As a record has them."""
        return {
            "trials": self.trials,
            "answered": self.answered,
            "refused": self.refused,
            "losses": +self.losses,
            "notes": [
                f"{self.due} leases came due in the outages.",
                f"The slowest request took {self.slowest:.1f} s of {REQUEST_TIMEOUT} s"
                " request_timeout.",
                *(
                    f"Lost in the outage '{fault}': {number}."
                    for fault, number in self.lost_by.most_common()
                ),
            ],
        }


def chosen(run: Chaos) -> list[tuple[Outage, str]]:
    """The outages of a run with the generation of each: all, or every fault and two impostors."""
    if run.full:
        pairs = [(o, g) for o in (*FAULTS, *IMPERSONATED) for g in o.generations]
        return run.random.sample(pairs, len(pairs))
    impostors = run.random.sample(IMPERSONATED, 2)
    pairs = [(o, o.generations[-1 - n % len(o.generations)]) for n, o in enumerate(FAULTS)]
    return [*pairs, *((o, o.generations[0]) for o in impostors)]


def scenes(
    stack: ExitStack, server: VaultServer, pairs: list[tuple[Outage, str]]
) -> Iterator[Scene]:
    """A mount and a cluster for each of `pairs`, every other one crash-safe."""
    for number, (outage, generation) in enumerate(pairs):
        certificate = self_signed(*NAMES) if outage.tls else None
        pachd = stack.enter_context(Simulator(GENERATIONS[generation](), certificate=certificate))
        mount = Mount(server, f"pachyderm-{number}", pachd)
        server.enable(PLUGIN, mount.path)
        timeout = PATIENT if outage is HEALTHY else REQUEST_TIMEOUT
        config = {"request_timeout": timeout, "crash_safe": number % 2 == 0}
        scene = Scene(outage, mount, config)
        stack.callback(scene.undo.close)
        scene.configure()
        yield scene


def play(scene: Scene, seconds: int) -> Figures:
    """One outage of a scene, from its leases to their end."""
    mount, figures = scene.mount, Figures(trials=1)
    began = time.monotonic()
    ttl = min(seconds, LONG) // 3
    scene.due = [mount.login("robot:due", ttl=ttl) for _ in range(LEASES)]
    outlive(mount, *scene.due)
    held = mount.login(GIVEN)
    scene.outage.begin(scene)
    if scene.outage.stops:  # on a busy machine some may have come due before
        scene.due = [login for login in scene.due if mount.alive(login)]
    figures.due += len(scene.due)
    while time.monotonic() < began + seconds:
        probe(scene, held, figures)
        time.sleep(seconds / 30)
    alive = [mount.alive(login) for login in scene.due]
    assert not scene.outage.stops or all(alive), f"{scene.outage.name} stopped no revocation"
    insist(lambda: scene.outage.end(scene))
    insist(lambda: mount.login(GIVEN))
    heal(scene, figures, PATIENCE[seconds])
    return figures


def probe(scene: Scene, held: Any, figures: Figures) -> None:
    """Ask for everything once; what is refused is refused in time and names pachd."""
    mount = scene.mount
    asked: list[Callable[[], object]] = [
        lambda: mount.login(GIVEN),
        lambda: mount.renew(held, 300),
        lambda: mount.revoke(mount.login(GIVEN)),
        lambda: mount.read("check"),
        lambda: mount.read("version"),
        lambda: mount.write("config", {"ttl": "5m"}),
    ]
    if mount.extends:
        asked.append(lambda: mount.write("renew", {"user_token": held.token, "increment": "1m"}))
    for ask in asked:
        began = time.monotonic()
        try:
            ask()
        except Refused as refusal:
            figures.refused += 1
            if not any(word in str(refusal) for word in ("pachd", "2.x")):
                figures.unclear[str(refusal)[:200]] += 1
        else:
            figures.answered += 1
        took = time.monotonic() - began
        figures.slowest = max(figures.slowest, took)
        figures.losses[Loss.HANG] += took > REQUEST_TIMEOUT + SLACK


def insist(do: Callable[[], object]) -> None:
    """Do what must work by now, again where a busy machine is late. Raises what it was refused."""
    deadline = time.monotonic() + SLACK + REQUEST_TIMEOUT
    while True:
        try:
            do()
        except Refused:
            if time.monotonic() > deadline:
                raise
        else:
            return


def heal(scene: Scene, figures: Figures, patience: float) -> None:
    """Wait until what came due is gone, count what is not, and give the other leases back."""
    mount, deadline = scene.mount, time.monotonic() + patience
    due = {login.lease for login in scene.due}
    if patience == PATIENCE[SHORT]:  # the short cut asks; at full size the host comes by itself
        for login in scene.due:
            mount.revoke(login, sync=False)
    while due and time.monotonic() < deadline:
        due = {lease for lease in due if known(mount, lease)}
        time.sleep(0.5)
    figures.losses[Loss.REVOCATION] += len(due)
    losses = account(mount).losses()
    figures.losses += losses
    figures.lost_by[scene.outage.name] += losses.total()
    figures.losses[Loss.TOKEN] += sum(mount.alive(login) for login in scene.due)
    mount.ask("PUT", f"/v1/sys/leases/revoke-prefix/{mount.path}", {"sync": True})
    endless = [token.subject for token in account(mount).lost if token.end is None]
    assert not endless, f"{scene.outage.name} left tokens without an end"
    kill_the_lost(scene)


def kill_the_lost(scene: Scene) -> None:
    """Whose answers got lost on the way: counted once, they are out of the next round's way."""
    if not scene.config["crash_safe"]:
        tokens = scene.pachd.cluster.tokens
        for token in account(scene.mount).lost:
            tokens.delete(token.hash)


def known(mount: Mount, lease: str) -> bool:
    """Whether the host still has the lease."""
    status, _ = mount.server.http("PUT", "/v1/sys/leases/lookup", {"lease_id": lease})
    return status == 200


def test_leases_come_due_while_pachd_fails(
    chaos: Callable[[str], Chaos], plugin_file: Path
) -> None:
    run = chaos("pachd-outages")
    plain = chaos("pachd-outages-plain")
    totals = {True: Figures(), False: Figures()}
    directory = Path(tempfile.mkdtemp(prefix="vc"))
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, directory)
        server = VaultServer(openbao(), directory)
        with server:
            server.register(PLUGIN, plugin_file)
            healthy = [(HEALTHY, generation) for generation in BOTH]
            one, other, *ill = scenes(stack, server, [*healthy, *chosen(run)])
            (pid,) = server.plugin_pids(PLUGIN)
            rounds = max(1, round(2 * run.trials / AT_ONCE))
            for number in range(rounds):
                seconds = SHORT if not run.full else LONG if number < rounds - 1 else LONGER
                played = [one, other, *ill[:AT_ONCE]]
                ill = [*ill[AT_ONCE:], *ill[:AT_ONCE]]
                for scene in played:
                    scene.config["crash_safe"] = not scene.config["crash_safe"]
                    scene.configure()
                with ThreadPoolExecutor(len(played)) as pool:
                    outcomes = list(pool.map(partial(play, seconds=seconds), played))
                well = [figures.refused for figures in outcomes[:2]]
                assert well == [0, 0], "an outage reached another mount"
                for scene, figures in zip(played[2:], outcomes[2:], strict=True):
                    totals[scene.config["crash_safe"]].add(figures)
            if run.full:
                wait_for_rollback(*(scene.mount for scene in ill))
                totals[True].losses += sum((account(s.mount).losses() for s in ill), Counter())
            assert server.plugin_pids(PLUGIN) == [pid]
        shown = secrets_shown(server)
    assert not shown
    records = [run.record(**totals[True].told()), plain.record(**totals[False].told())]
    assert not (totals[True].unclear + totals[False].unclear)
    assert all(total.due > total.trials for total in totals.values())
    assert not records[0].losses
    assert records[1].losses.keys() <= {Loss.TOKEN}
