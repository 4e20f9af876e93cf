"""The nameserver is dead: mounts whose pachds' names it should know wait, another redials at once.

The server has an ``/etc/resolv.conf`` of its own, so this needs the right to mount.
"""

from __future__ import annotations

import socket
import subprocess
import time
from collections import Counter
from typing import IO, TYPE_CHECKING, Final

import pytest

from tests.chaos.crowd import coming, crowd
from tests.chaos.neighbourhood import LOGIN, neighbourhood
from tests.chaos.record import Loss
from tests.integration.mount import Refused
from tests.integration.openbao import VaultServer, openbao

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.chaos.conftest import Chaos

NAMESERVER: Final = "127.0.0.77"  # which takes every question and answers none
PORT: Final = 53
ANSWERS_IN: Final = "options timeout:15 attempts:3"  # 45 seconds in all
MOUNTS = 12  # more than there are threads to look names up in, however many may share them
REST = 0.5  # seconds between two logins
USUAL = 2.5  # seconds: less than any limit of a look-up

pytestmark = pytest.mark.timeout(600)


class Nameless(VaultServer):
    """Whose nameserver, and its plugins', is dead."""

    def launch(self, arguments: list[str], output: IO[bytes]) -> subprocess.Popen[bytes]:
        """As any, in a mount namespace. Skips the test where there can be none."""
        names = self.directory / "resolv.conf"
        names.write_text(f"nameserver {NAMESERVER}\n{ANSWERS_IN}\n")
        script = 'mount --bind "$0" /etc/resolv.conf && exec "$@"'
        command = ["unshare", "--mount", "sh", "-c", script, str(names)]
        tried = subprocess.run([*command, "true"], capture_output=True, text=True, check=False)
        if tried.returncode:
            pytest.skip(f"no nameserver to be had: {tried.stderr.strip()}")
        return subprocess.Popen(
            [*command, str(self.binary), *arguments],
            stdout=output,
            stderr=output,
            stdin=subprocess.DEVNULL,
            env=self.environment(),
            start_new_session=True,
        )


def test_others_redial_meanwhile(chaos: Callable[[str], Chaos], plugin_file: Path) -> None:
    run, losses, refused = chaos("slow-names"), Counter[Loss](), Counter[str]()
    slowest = 0.0
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        try:
            silent.bind((NAMESERVER, PORT))
        except OSError as error:
            pytest.skip(f"no nameserver to be had: {error}")
        with neighbourhood(openbao(), plugin_file, Nameless) as on:
            healthy = on.healthy
            healthy.configure(pachd_address=f"localhost:{healthy.pachd.port}")
            slow = [on.mounted_at(f"slow-{n}", f"pachd-{n}.example:30650") for n in range(MOUNTS)]
            waiting = crowd(
                run,
                slow,
                LOGIN,
                clients=2 * MOUNTS,
                pace=1.0,
                patience=(1.0, 2.0),
                seconds=run.trials * REST + 2,
            )
            with coming(waiting) as (coming_back,):
                time.sleep(2)
                for _ in range(run.trials):
                    healthy.pachd.drop_connections()
                    time.sleep(REST)
                    began = time.monotonic()
                    try:
                        healthy.login()
                    except Refused as refusal:
                        refused[str(refusal)] += 1
                    slowest = max(slowest, time.monotonic() - began)
                came = coming_back.result()
            losses[Loss.PLUGIN] += on.replaced
            losses[Loss.TOKEN] += on.left()
    losses[Loss.NEIGHBOUR] += refused.total()
    record = run.record(
        trials=run.trials,
        answered=run.trials - refused.total(),
        refused=refused.total(),
        losses=+losses,
        notes=[f"The slowest took {slowest:.1f} s."],
    )
    assert not record.losses, refused
    assert came.answered == 0
    if run.full:
        assert slowest < USUAL
