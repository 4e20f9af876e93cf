"""pachd is away for longer than the host tries: leases become irrevocable, and how they are mended.

The host tries six times, with growing delays that come to ten minutes. At full size it is let to;
in the short cut the tries are spent by asking for a revocation six times, each of which is one.
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

from tests.chaos.ledger import irrevocable, secrets_shown
from tests.chaos.outages import outlive
from tests.chaos.record import Loss
from tests.integration.conftest import GENERATIONS
from tests.integration.mount import PLUGIN, Login, Mount, eventually
from tests.integration.openbao import VaultServer, openbao
from tests.pachd import Simulator

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.chaos.conftest import Chaos

TRIES = 6
GIVEN_UP = 1000.0  # seconds until the host has given up at the latest: 620, each delay a fourth off
TTL, HOUR = 5, 3600  # seconds

pytestmark = pytest.mark.timeout(1500)


def vault(server: VaultServer, *arguments: str) -> str:
    """What the command line prints. AssertionError when it fails."""
    ran = server.cli(*arguments)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def spend_the_tries(mount: Mount, login: Login) -> None:
    """Ask for the lease's revocation until the host wants no more of it."""
    for _ in range(10 * TRIES):
        if tried_enough(mount.server, login):
            return
        mount.revoke(login, sync=False)
        time.sleep(0.3)  # asked again before it has failed, the host would not try again


def tried_enough(server: VaultServer, login: Login) -> bool:
    """Whether the lease is irrevocable."""
    status, answer = server.http("GET", "/v1/sys/leases?type=irrevocable")
    assert status == 200, answer
    return login.lease in [lease["lease_id"] for lease in answer["data"]["leases"]]


def test_leases_given_up_are_listed_and_mended(
    chaos: Callable[[str], Chaos], plugin_file: Path
) -> None:
    run = chaos("long-outage")
    directory = Path(tempfile.mkdtemp(prefix="vc"))
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, directory)
        server = VaultServer(openbao(), directory)
        with server:
            server.register(PLUGIN, plugin_file)
            mounts: list[Mount] = []
            logins: list[tuple[Mount, Login]] = []
            for generation, kind in GENERATIONS.items():
                pachd = stack.enter_context(Simulator(kind()))
                mount = Mount(server, f"pachyderm-{generation[0]}", pachd)
                server.enable(PLUGIN, mount.path)
                mount.configure(request_timeout=2)
                mounts.append(mount)
            ttl = TTL if run.full else HOUR
            for number in range(run.trials):
                mount = mounts[number % len(mounts)]
                logins.append((mount, mount.login(ttl=ttl)))
                outlive(mount, logins[-1][1])
            began = time.monotonic()
            for mount in mounts:
                mount.pachd.die()
            if not run.full:
                with ThreadPoolExecutor(len(logins)) as pool:
                    list(pool.map(lambda pair: spend_the_tries(*pair), logins))
            eventually(lambda: irrevocable(server) == len(logins), GIVEN_UP)
            lasted = time.monotonic() - began
            for mount in mounts:
                mount.pachd.restart()
            assert all(mount.alive(login) for mount, login in logins)
            mend(server, mounts, logins)
            left = sum(mount.alive(login) for mount, login in logins)
            stuck = irrevocable(server)
        shown = secrets_shown(server)
    record = run.record(
        trials=len(logins),
        losses=+Counter({Loss.TOKEN: left, Loss.REVOCATION: stuck, Loss.SECRET: len(shown)}),
        notes=[f"The host gave up {lasted / 60:.1f} minutes after the outage began."]
        if run.full
        else [],
    )
    assert not record.losses


def mend(server: VaultServer, mounts: list[Mount], logins: list[tuple[Mount, Login]]) -> None:
    """Type what docs/revocation.md says, in its order."""
    count = vault(server, "read", "-field=lease_count", "sys/leases/count", "type=irrevocable")
    assert int(count) == len(logins)
    listed = vault(server, "read", "sys/leases", "type=irrevocable")
    assert all(login.lease in listed for _, login in logins)
    assert "connection refused" in listed
    for mount in mounts:
        assert vault(server, "read", "-field=problems", f"{mount.path}/check") == "[]"
    mount, one = logins[0]
    vault(server, "lease", "revoke", "-sync", one.lease)
    assert not mount.alive(one)
    for mount in mounts:
        vault(server, "lease", "revoke", "-sync", "-prefix", f"{mount.path}/login/robot:test")
