"""Signals meant for the server reach its whole process group: the plugin takes no notice.

So does ``dumb-init`` pass them on, and ``pkill`` finds the plugin by its name.
"""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from tests.chaos.crowd import Came, coming, crowd
from tests.chaos.ledger import account, secrets_shown
from tests.chaos.record import Loss
from tests.integration.mount import PLUGIN, Mount
from tests.integration.openbao import VaultServer, servers
from tests.pachd import PachdV2, Simulator

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.chaos.conftest import Chaos

CLIENTS = 8
PACE = 0.1  # seconds from one login of a client to its next
REST = 0.4  # seconds between two signals
# What the server itself survives; it is told to the group, the others to the plugin alone.
GROUP: Final = (signal.SIGHUP, signal.SIGUSR1, signal.SIGHUP)
ALONE: Final = (signal.SIGINT, signal.SIGQUIT, signal.SIGTSTP, signal.SIGUSR2)
ASK = ("POST", "login/robot:test", {"ttl": "10m"})

pytestmark = pytest.mark.timeout(600)


def test_no_login_fails_and_no_token_is_lost(
    chaos: Callable[[str], Chaos], plugin_file: Path
) -> None:
    run, came, losses, sent = chaos("signals"), Came(), Counter[Loss](), 0
    for _, binary in servers():
        directory = Path(tempfile.mkdtemp(prefix="vc"))
        with ExitStack() as stack:
            stack.callback(shutil.rmtree, directory)
            pachd = stack.enter_context(Simulator(PachdV2()))
            server = VaultServer(binary, directory)
            with server:
                server.register(PLUGIN, plugin_file)
                mount = Mount(server, "pachyderm", pachd)
                server.enable(PLUGIN, mount.path)
                mount.configure()
                (pid,) = server.plugin_pids(PLUGIN)
                seconds = REST * (run.trials + 2)
                clients = crowd(run, [mount], ASK, clients=CLIENTS, pace=PACE, seconds=seconds)
                with coming(clients) as (coming_back,):
                    for number in range(run.trials):
                        time.sleep(REST)
                        strike(server, pid, number)
                        sent += 1
                    one = coming_back.result()
                came.add(one)
                losses[Loss.PLUGIN] += server.plugin_pids(PLUGIN) != [pid]
                mount.ask("PUT", f"/v1/sys/leases/revoke-prefix/{mount.path}", {"sync": True})
                losses[Loss.TOKEN] += len(account(mount).live)
            losses[Loss.SECRET] += len(secrets_shown(server))
    record = run.record(
        trials=sent,
        answered=came.answered,
        refused=came.failed,
        losses=+losses,
        notes=[f"On {' and '.join(name for name, _ in servers())}."],
    )
    assert not record.losses
    assert came.answered > sent
    assert came.failed == 0, came.words


def strike(server: VaultServer, pid: int, number: int) -> None:
    """One signal, to the server's group or to the plugin."""
    if number % 2 == 0:
        os.killpg(server.pid, GROUP[number // 2 % len(GROUP)])
    elif Path(f"/proc/{pid}").exists():
        os.kill(pid, ALONE[number // 2 % len(ALONE)])
