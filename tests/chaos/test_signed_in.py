"""The official clients, always signed in, through everything that may end a token.

An hour's life in minutes: leases of 4 s, and a fault every few seconds. A call may fail while a
fault lasts and for 5 s more; any other that fails is lost.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections import Counter
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from statistics import median
from threading import Thread
from typing import TYPE_CHECKING, Any

import pytest

from tests.chaos.front import Front
from tests.chaos.record import Loss
from tests.chaos.stage import cluster_stage, stage
from tests.integration.client_environments import environment, python
from tests.integration.conftest import ROOT
from tests.integration.mount import PLUGIN, eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.chaos.conftest import Chaos
    from tests.chaos.stage import Stage
    from tests.integration.mount import Mount

LIVES = {"ttl": "4s", "max_ttl": "20s"}  # of the role
SIGNED_IN = {"token_ttl": "15s", "token_max_ttl": "60s"}  # of the AppRole
AFTER = 5.0  # seconds after a fault in which calls may fail
LASTS = 1.0  # seconds, of a fault that does not end by itself
CALLING = ROOT / "tests" / "chaos" / "caller.py"
GROWTH = 4 * 1024  # kilobytes: the allocator's ups and downs
STRANGERS = 2  # threads that gRPC has at times

pytestmark = pytest.mark.timeout(3600)


@dataclass
class Caller:
    """A running `caller.py`, and what it told."""

    process: subprocess.Popen[str]
    calls: list[tuple[float, float, str | None]] = field(default_factory=list)
    sizes: list[list[int]] = field(default_factory=list)

    def listen(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            told = json.loads(line)
            if len(told) == 3:
                self.calls.append(tuple(told))
            else:
                self.sizes.append(told)


def callers(on: Stage[Any], *, both: bool) -> Iterator[tuple[list[str], Mount]]:
    """The command of each generation's official client, with the mount it speaks to."""
    ours, theirs = {m.path[-1]: m for m in on.mounts}["2"], on.mounts[0]
    yield [sys.executable], ours
    interpreter = python("3.9") if both else None
    if interpreter is not None:
        yield [str(environment(interpreter, "3.9", "legacy") / "python")], theirs
    elif both:
        print("without python-pachyderm: there is no Python 3.9")


@contextmanager
def calling(on: Stage[Any], address: str, *, both: bool) -> Iterator[list[Caller]]:
    """The clients, calling; they end well with the context."""
    vault = on.server.client()
    rule = 'path "pachyderm-{}/creds/live" {{ capabilities = ["update"] }}\n'
    vault.sys.create_or_update_policy("live", rule.format(1) + rule.format(2))
    vault.sys.enable_auth_method("approle")
    approle = vault.auth.approle
    approle.create_or_update_approle("live", token_policies=["live"], **SIGNED_IN)
    variables = {
        "PATH": "/usr/bin:/bin",
        "PYTHONPATH": str(ROOT / "client"),
        "VAULT_ADDR": address,
        "ROLE_ID": approle.read_role_id("live")["data"]["role_id"],
        "SECRET_ID": approle.generate_secret_id("live")["data"]["secret_id"],
    }
    running = []
    for command, mount in callers(on, both=both):
        mount.write("roles/live", {"subject": "robot:live", **LIVES})
        process = subprocess.Popen(
            [*command, str(CALLING), f"{mount.path}/creds/live"],
            env=variables,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        caller = Caller(process)
        Thread(target=caller.listen, daemon=True).start()
        running.append(caller)
    try:
        for caller in running:
            eventually(lambda caller=caller: len(caller.calls) > 5, 30)  # type: ignore[misc]
        yield running
        for caller in running:
            assert caller.process.stdin is not None
            caller.process.stdin.close()
            assert caller.process.wait(60) == 0
    finally:
        for caller in running:
            caller.process.kill()
            caller.process.wait()


def sealed(on: Stage[Any]) -> None:
    on.server.seal()
    time.sleep(LASTS)
    on.server.unseal()


def killed(on: Stage[Any]) -> None:
    on.server.kill9()
    time.sleep(LASTS)
    on.server.start()


def plugin_killed(on: Stage[Any]) -> None:
    on.server.kill_plugin(PLUGIN)


def pachd_restarted(on: Stage[Any]) -> None:
    for mount in on.mounts:
        mount.pachd.die()
    time.sleep(LASTS)
    for mount in on.mounts:
        mount.pachd.restart()


def leases_revoked(on: Stage[Any]) -> None:
    for mount in on.mounts:
        on.server.client().sys.revoke_prefix(f"{mount.path}/creds/live")


def vault_tokens_revoked(on: Stage[Any]) -> None:
    vault = on.server.client()
    for accessor in vault.list("auth/token/accessors")["data"]["keys"]:
        token = vault.auth.token.lookup_accessor(accessor)["data"]
        if token["path"] == "auth/approle/login":
            vault.auth.token.revoke_accessor(accessor)


def clock_leapt(on: Stage[Any]) -> None:
    """pachd's: every token there ends at once."""
    on.clock.leap(60)


FAULTS = (
    leases_revoked,
    sealed,
    clock_leapt,
    vault_tokens_revoked,
    plugin_killed,
    pachd_restarted,
    killed,
)
SHORT = (leases_revoked, clock_leapt, vault_tokens_revoked, sealed)  # quick to be over


def leader_lost(on: Stage[Any]) -> None:
    leader = on.server.wait_for_leader()
    leader.kill9()
    on.server.wait_for_leader()
    on.server.start(leader)


def lost(
    calls: list[tuple[float, float, str | None]], faults: list[tuple[float, float]]
) -> list[str]:
    """What failed while no fault accounts for it."""
    return [
        error
        for began, ended, error in calls
        if error is not None
        and not any(begin <= ended and began <= end + AFTER for begin, end in faults)
    ]


def strike(
    run: Chaos, on: Stage[Any], running: list[Caller], faults: tuple[Callable[[Any], None], ...]
) -> list[tuple[float, float]]:
    """Faults, one after the other, until there were as many calls as wanted."""
    spans = []
    while True:
        for fault in run.random.sample(faults, len(faults)):
            begin = time.time()
            fault(on)
            spans.append((begin, time.time()))
            print(f"{fault.__name__}: {spans[-1][1] - begin:.1f} s", flush=True)
            time.sleep(run.random.uniform(6, 9) if run.full else 0.5)
        if sum(len(caller.calls) for caller in running) >= run.trials:
            time.sleep(AFTER + 1)  # in which all must be well again
            return spans


def test_no_call_is_lost(chaos: Callable[[str], Chaos], plugin_file: Path) -> None:
    run = chaos("signed-in")
    spans: list[tuple[float, float]] = []
    done: list[Caller] = []
    with ExitStack() as stack:
        on: Stage[Any] = stack.enter_context(stage(plugin_file, crash_safe=True))
        front = stack.enter_context(Front(lambda: [on.server.address]))
        with calling(on, front.address, both=run.full) as running:
            spans += strike(run, on, running, FAULTS if run.full else SHORT)
            done += running
    if run.full:
        with ExitStack() as stack:
            three: Stage[Any] = stack.enter_context(cluster_stage(plugin_file, crash_safe=True))
            front = stack.enter_context(Front(lambda: [node.address for node in three.servers]))
            with calling(three, front.address, both=True) as running:
                for _ in range(5):
                    begin = time.time()
                    leader_lost(three)
                    spans.append((begin, time.time()))
                    time.sleep(run.random.uniform(6, 9))
                done += running
    calls = [call for caller in done for call in caller.calls]
    failed = [call for call in calls if call[2] is not None]
    out = [error for caller in done for error in lost(caller.calls, spans)]
    logins = sum(caller.sizes[-1][2] for caller in done if caller.sizes)
    renewals = sum(caller.sizes[-1][3] for caller in done if caller.sizes)
    record = run.record(
        trials=len(calls),
        answered=len(calls) - len(failed),
        refused=len(failed),
        losses=+Counter({Loss.CALL: len(out)}),
        notes=[f"{len(spans)} faults, {logins} logins, {renewals} renewals.", *growth(done)],
    )
    assert not record.losses, out[:5]
    assert all(caller.calls[-1][2] is None for caller in done), "not well again in the end"


def growth(done: list[Caller]) -> list[str]:
    """Memory and threads of each client, which stay as they are; in words."""
    told = []
    for caller in done:
        share = len(caller.sizes) // 5
        if share < 3:
            continue
        first, last = caller.sizes[share : 2 * share], caller.sizes[-share:]
        memory = [median(one[0] for one in part) for part in (first, last)]
        threads = [median(one[1] for one in part) for part in (first, last)]
        told.append(
            f"A client: {memory[0] / 1024:.1f} MB and {threads[0]:g} threads at first,"
            f" {memory[1] / 1024:.1f} MB and {threads[1]:g} at last."
        )
        assert memory[1] - memory[0] < GROWTH, told
        assert threads[1] - threads[0] <= STRANGERS, told
    return told
