"""One mount's pachd hangs, is slow or floods, its clients give up or come in hundreds.

The mount beside it, in the same process, does not feel it.
"""

from __future__ import annotations

import os
import time
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
import requests

from tests.chaos.crowd import HOLD, Came, Crowd, coming, crowd, together
from tests.chaos.floods import FLOODS, floods
from tests.chaos.neighbourhood import (
    CREDS,
    LOGIN,
    Neighbourhood,
    in_milliseconds,
    neighbourhood,
)
from tests.chaos.record import Loss
from tests.integration.kept_server import KeptServer
from tests.integration.mount import SOON, Refused, eventually
from tests.integration.openbao import openbao, servers

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.chaos.conftest import Chaos
    from tests.integration.mount import Mount

ROUND = {True: 6.0, False: 1.0}  # seconds in which the healthy mount is watched, full and short
BEFORE = 0.7  # seconds of the load before that
SLOW = 1.0  # seconds of each call
LONG_TIMEOUT = 60  # seconds, the longest request_timeout
PATIENCE = {True: 3.0, False: 1.0}  # seconds, of the most patient
HELD = 5  # leases given back while pachd is not well
FELT = 2.0  # how many times the usual p99 at most
DAWDLING = 15.0  # seconds, of LONG_TIMEOUT, by when all who wait in vain are told so
CALM = 0.1  # of one processor
CALMING = 30.0  # seconds
HUGE = 31 << 20  # bytes
TICKS = os.sysconf("SC_CLK_TCK")

pytestmark = pytest.mark.timeout(1800)


@dataclass(frozen=True)
class State:
    """How the sick mount's pachd is."""

    name: str
    begin: Callable[[Any], object]
    floods: bool = False  # or rather those at other addresses


FAST: Final = State("fast", lambda pachd: None)
SICK: Final = (
    State("hung", lambda pachd: pachd.faults.hang("*")),
    State("slow", lambda pachd: pachd.faults.slow("*", SLOW)),
    State("flooding", lambda pachd: None, floods=True),
)


def load(run: Chaos, mounts: list[Mount], seconds: float) -> list[Crowd]:
    """Clients that give up at every moment, and 300 callers of one role, at `mounts` together."""
    patience = PATIENCE[run.full]
    quitters: dict[str, Any] = {"pace": 1.6, "patience": (0.0001, patience)}
    callers: dict[str, Any] = {"pace": ROUND[True], "patience": (patience / 2, patience)}
    return [
        crowd(run, mounts, LOGIN, CREDS, clients=48, seconds=seconds, **quitters),
        crowd(run, mounts, CREDS, clients=300, seconds=seconds, **callers),
    ]


def play(run: Chaos, on: Neighbourhood, state: State, flooded: list[Mount]) -> tuple[Came, int]:
    """One round: what came of the healthy mount's clients, and how many revocations did not."""
    seconds = ROUND[run.full]
    held = [on.sick.login("robot:held") for _ in range(HELD)]
    state.begin(on.sick.pachd)
    for login in held:
        on.sick.revoke(login, sync=False)
    crowds = load(run, flooded if state.floods else [on.sick], seconds + BEFORE)
    with coming(*crowds) as loads:
        time.sleep(BEFORE)
        (healthy,) = together(on.honest(run, seconds=seconds))
        for one in loads:
            one.result()
    on.sick.pachd.faults.clear()
    try:
        eventually(lambda: not any(on.sick.alive(login) for login in held), SOON)
    except AssertionError:
        return healthy, sum(on.sick.alive(login) for login in held)
    return healthy, 0


def test_a_healthy_mount_does_not_feel_the_sick(
    chaos: Callable[[str], Chaos], plugin_file: Path
) -> None:
    run, losses = chaos("neighbours"), Counter[Loss]()
    came: dict[str, Came] = defaultdict(Came)
    with (
        floods() as addresses,
        neighbourhood(openbao(), plugin_file, request_timeout=LONG_TIMEOUT) as on,
    ):
        flooded = [
            on.mounted_at(f"flood-{n}", address) for n, address in enumerate(addresses.values())
        ]
        states = (FAST, *SICK) if run.full else SICK
        for number in range(run.trials):
            state = states[number % len(states)]
            healthy, due = play(run, on, state, flooded)
            came[state.name].add(healthy)
            losses[Loss.REVOCATION] += due
            losses[Loss.NEIGHBOUR] += healthy.failed
            losses[Loss.TOKEN] += on.left()
        losses[Loss.PLUGIN] += on.replaced
    p99 = {name: in_milliseconds(one) for name, one in came.items()}
    record = run.record(
        trials=run.trials,
        answered=sum(one.answered for one in came.values()),
        refused=sum(one.failed for one in came.values()),
        losses=+losses,
        notes=[
            f"p99 of the healthy mount beside a pachd that is {name}: {one} ms."
            for name, one in p99.items()
        ],
    )
    assert not record.losses, [dict(one.words) for one in came.values()]
    if run.full:
        assert max(p99.values()) <= FELT * p99[FAST.name]


def test_120_clients_give_up_on_a_pachd_that_hangs(
    chaos: Callable[[str], Chaos], plugin_file: Path
) -> None:
    run, losses, honest, impatient = chaos("impatience"), Counter[Loss](), Came(), Came()
    for _, binary in servers():
        with neighbourhood(binary, plugin_file) as on:
            on.sick.pachd.faults.hang("*")
            crowds = (
                crowd(
                    run,
                    [on.sick],
                    CREDS,
                    token=reader(on),
                    clients=120,
                    patience=(0.3, 0.3),
                    seconds=run.trials,
                ),
                on.honest(run, seconds=run.trials, pace=0.2),
            )
            for total, came in zip((impatient, honest), together(*crowds), strict=True):
                total.add(came)
            on.sick.pachd.faults.clear()
            losses[Loss.PLUGIN] += on.replaced
            losses[Loss.TOKEN] += on.left()
    losses[Loss.NEIGHBOUR] += honest.failed
    record = run.record(
        trials=run.trials,
        answered=honest.answered,
        refused=honest.failed,
        losses=+losses,
        notes=[
            f"Given up: {impatient.left:,}; answered and refused is what others asked.",
            f"Their p99: {in_milliseconds(honest)} ms.",
        ],
    )
    assert not record.losses, honest.words
    assert impatient.left > 120


def reader(on: Neighbourhood) -> str:
    """A token that may do no more than read the role's credentials."""
    policy = {"policy": f'path "{on.sick.path}/{CREDS[1]}" {{ capabilities = ["read"] }}'}
    on.sick.ask("PUT", "/v1/sys/policies/acl/reader", policy)
    made = on.sick.ask("POST", "/v1/auth/token/create", {"policies": ["reader"]})
    token: str = made["auth"]["client_token"]
    return token


def test_300_logins_wait_for_a_pachd_that_hangs(
    chaos: Callable[[str], Chaos], plugin_file: Path
) -> None:
    run, losses, waiting, honest = chaos("waiting"), Counter[Loss](), Came(), Came()
    with neighbourhood(openbao(), plugin_file, request_timeout=LONG_TIMEOUT) as on:
        for _ in range(run.trials // 300):
            on.sick.pachd.faults.hang("*")
            crowds = crowd(run, [on.sick], LOGIN, clients=300, seconds=0)
            with coming(crowds) as (coming_back,):
                time.sleep(BEFORE)
                (came,) = together(on.honest(run, seconds=ROUND[run.full], pace=0.3))
                honest.add(came)
                time.sleep(ROUND[run.full])
                on.sick.pachd.faults.clear()
                waiting.add(coming_back.result())
            losses[Loss.TOKEN] += on.left()
        losses[Loss.PLUGIN] += on.replaced
    losses[Loss.NEIGHBOUR] += honest.failed
    record = run.record(
        trials=waiting.asked,
        answered=waiting.answered,
        refused=waiting.failed,
        losses=+losses,
        notes=[
            f"The slowest refusal took {waiting.slowest_refusal:.1f} s of {LONG_TIMEOUT} s"
            " request_timeout.",
            f"Others' logins took at most {max(honest.seconds, default=0.0):.1f} s.",
        ],
    )
    assert not record.losses, honest.words
    assert waiting.statuses.keys() <= {"200", "429"}, waiting.words
    assert waiting.statuses["429"]
    assert waiting.slowest_refusal < DAWDLING
    assert max(honest.seconds) < DAWDLING


def test_a_flood_is_cut_and_the_log_says_why(
    chaos: Callable[[str], Chaos], plugin_file: Path
) -> None:
    run = chaos("floods")
    with floods() as addresses, neighbourhood(openbao(), plugin_file) as on:
        mounts = {
            name: on.mounted_at(f"flood-{n}", address)
            for n, (name, address) in enumerate(addresses.items())
        }
        refused = 0
        for _ in range(run.trials // len(FLOODS)):
            with ThreadPoolExecutor(len(mounts)) as pool:
                refused += sum(pool.map(is_refused, mounts.values()))
            eventually(lambda: not connected(addresses.values()), CALMING)
        assert busy(on.plugin) < CALM
        assert not on.replaced
        log = on.server.log_path.read_text().splitlines()
    told = [line for line in log if "[TRACE]" not in line and "[DEBUG]" not in line]
    silent = [n for n, address in addresses.items() if not any(address in line for line in told)]
    record = run.record(trials=refused, refused=refused)
    assert not record.losses
    assert not silent, "the log names no cause"


def is_refused(mount: Mount) -> bool:
    """Whether a login is, with words about pachd."""
    with pytest.raises(Refused, match="pachd at"):
        mount.login()
    return True


def connected(addresses: Any) -> set[str]:
    """Those of `addresses` that somebody of this machine is connected to."""
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    ports = {int(line[2].rpartition(":")[2], 16) for line in lines if line[3] == "01"}
    return {address for address in addresses if int(address.rpartition(":")[2]) in ports}


def busy(pid: int, seconds: float = 2.0) -> float:
    """The share of one processor that a process takes while `seconds` pass."""

    def used() -> float:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    before, began = used(), time.monotonic()
    time.sleep(seconds)
    return (used() - before) / (time.monotonic() - began)


class GreedyServer(KeptServer):
    """That lets through what others refuse for its size."""

    def config(self, listen: str) -> str:
        """As any, with larger requests."""
        text = super().config(listen)
        larger = f"tls_disable = true\n max_request_size = {8 * HUGE}"
        return text.replace("tls_disable = true", larger)


def test_huge_bodies_are_refused(chaos: Callable[[str], Chaos], plugin_file: Path) -> None:
    run, losses, statuses = chaos("huge-bodies"), Counter[Loss](), Counter[int]()
    with neighbourhood(openbao(), plugin_file, GreedyServer) as on:
        body = b'{"user_token":"%s"}' % (b"x" * HUGE)
        seconds = 1.5 * run.trials
        with coming(on.honest(run, seconds=seconds, pace=0.2)) as (coming_back,):
            for number in range(run.trials):
                path = ("revoke", "login/robot:test", "config", "roles/big")[number % 4]
                # Not by the server's own http, which would look for it in every log.
                statuses[
                    requests.post(
                        f"{on.server.address}/v1/{on.sick.path}/{path}",
                        headers={"X-Vault-Token": on.server.root_token},
                        data=body,
                        timeout=HOLD,
                    ).status_code
                ] += 1
            honest = coming_back.result()
        losses[Loss.PLUGIN] += on.replaced
        losses[Loss.NEIGHBOUR] += honest.failed
        losses[Loss.TOKEN] += on.left()
    record = run.record(
        trials=run.trials,
        answered=honest.answered,
        refused=statuses.total(),
        losses=+losses,
        notes=[
            "Answered is what others asked meanwhile.",
            f"Their p99: {in_milliseconds(honest)} ms.",
        ],
    )
    assert not record.losses, honest.words
    assert statuses == {413: run.trials}
