"""Signals that the server's process group gets, and the plugin with it."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from shim.process.signals import IGNORED
from tests.integration.mount import PLUGIN, Mount
from tests.unit.process.plugin_host import SOON, start
from tests.unit.process.signal_mask import protected

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.conftest import StartServer
    from tests.pachd import PachdV2, Simulator

CLIENTS = 4
TIMES = 10


def test_a_reload_under_load_costs_no_login(another: StartServer, v2: Simulator[PachdV2]) -> None:
    """What the server takes for itself, sent to its group as `dumb-init` does."""
    mount = Mount(another(), "pachyderm", v2)
    mount.server.enable(PLUGIN, mount.path)
    mount.configure()
    (pid,) = mount.server.plugin_pids(PLUGIN)
    assert os.getpgid(pid) == mount.server.pid
    over = False

    def log_in_again_and_again() -> int:
        number = 0
        while not over:
            mount.login()
            number += 1
        return number

    with ThreadPoolExecutor(CLIENTS) as clients:
        logins = [clients.submit(log_in_again_and_again) for _ in range(CLIENTS)]
        try:
            for _ in range(TIMES):
                os.killpg(mount.server.pid, signal.SIGHUP)
                time.sleep(0.1)
        finally:
            over = True
        assert all(login.result() for login in logins)
    assert mount.server.plugin_pids(PLUGIN) == [pid]


def test_none_that_comes_alone_ends_or_stops_it(mount: Mount) -> None:
    (pid,) = mount.server.plugin_pids(PLUGIN)
    for number in IGNORED:
        os.kill(pid, number)
        mount.login()
    assert mount.server.plugin_pids(PLUGIN) == [pid]


def test_after_a_sigterm_it_serves_its_host(mount: Mount) -> None:
    (pid,) = mount.server.plugin_pids(PLUGIN)
    login = mount.login()
    os.kill(pid, signal.SIGTERM)
    mount.revoke(login)
    assert not mount.alive(login)
    assert mount.server.plugin_pids(PLUGIN) == [pid]


async def test_the_built_file_takes_no_notice_from_its_start_on(plugin_file: Path) -> None:
    process = await start(command=(str(plugin_file),))
    await protected(process)
    for number in (*IGNORED, signal.SIGTERM):
        process.send_signal(number)
    assert process.stdout is not None
    assert (await asyncio.wait_for(process.stdout.readline(), SOON)).startswith(b"1|5|unix|")
    assert process.returncode is None
    process.kill()
    await process.communicate()
