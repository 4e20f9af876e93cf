"""A plugin that hangs under a real server ends by itself, and the server starts another."""

import re
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.integration import sleeper
from tests.integration.conftest import StartServer
from tests.integration.launcher import launcher
from tests.integration.mount import eventually
from tests.integration.openbao import VaultServer

LATE = 60.0  # seconds in which a request must be answered, on however busy a machine


@pytest.fixture
def asleep(another: StartServer, tmp_path: Path) -> VaultServer:
    """A server with the engine that hangs at ``sleeper/``."""
    server = another(bare=True)
    server.register("sleeper", launcher(Path(sleeper.__file__), tmp_path, "$0"), version="v0.1.0")
    server.enable("sleeper", "sleeper")
    return server


def test_a_hung_plugin_is_replaced(asleep: VaultServer) -> None:
    assert asleep.http("GET", "/v1/sleeper/awake")[0] == 200
    (hung,) = asleep.plugin_pids("sleeper")
    begun = time.monotonic()
    with ThreadPoolExecutor() as clients:
        hanging = clients.submit(asleep.http, "GET", "/v1/sleeper/hang")
        others = [clients.submit(asleep.http, "GET", "/v1/sleeper/awake") for _ in range(3)]
        status, _ = hanging.result(LATE)
        for other in others:  # served or cut off, as each came before the hang or in it
            other.result(LATE)
    assert status == 500
    eventually(lambda: asleep.http("GET", "/v1/sleeper/awake")[0] == 200)  # once it has noticed
    (running,) = asleep.plugin_pids("sleeper")
    assert running != hung
    asleep.stop()
    log = asleep.log_path.read_text()
    # The server asks the new process the same once more.
    hangs = re.findall(r"^.*\[ERROR\].*the event loop hangs.*$", log, re.MULTILINE)
    print(f"{len(hangs)} hangs took {time.monotonic() - begun:.1f} s")
    assert hangs
    assert "@module=shim.process.watchdog" in log
    assert "in _hang" in log
    assert "hangs in the handler __main__._hang, which blocks" in log
