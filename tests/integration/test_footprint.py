"""What the built plugin costs: memory that does not grow with the logins, CPU to start."""

import http.client
import json
import os
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.integration.conftest import StartServer
from tests.integration.mount import PLUGIN, Mount
from tests.pachd import PachdV2, Simulator
from tests.unit.process.plugin_host import environment

MEGABYTE = 1024 * 1024
SMALL = 60 * MEGABYTE
# A token and its lease's id kept in a dict are some 300 bytes: 2.6 MB for 9,000 logins. The
# allocator's own ups and downs stay below 1 MB.
NOISE = 2 * MEGABYTE
CLIENTS = 4
START_CPU = 0.5  # seconds of a busy machine, from spawn to the handshake line; the bench tells more
SPAWNS = 5


@pytest.fixture
def mount(another: StartServer, v2: Simulator[PachdV2]) -> Mount:
    """A mount on a server of its own, which goes without revoking thousands of leases."""
    mounted = Mount(another(), "pachyderm", v2)
    mounted.server.enable(PLUGIN, mounted.path)
    mounted.configure()
    return mounted


def log_in(mount: Mount, times: int) -> None:
    """Log in so often, from several clients at once, each over one connection."""

    def client(share: int) -> None:
        connection = http.client.HTTPConnection(urlsplit(mount.server.address).netloc, timeout=60)
        headers = {"X-Vault-Token": mount.server.root_token, "Content-Type": "application/json"}
        for _ in range(share):
            connection.request("PUT", "/v1/pachyderm/login/robot:load", b"{}", headers)
            reply = connection.getresponse()
            body = reply.read()
            assert reply.status == 200, body
            assert json.loads(body)["data"]["user_token"]
        connection.close()

    with ThreadPoolExecutor(CLIENTS) as clients:
        list(clients.map(client, [times // CLIENTS] * CLIENTS))


def resident(mount: Mount) -> int:
    """The plugin's resident memory in bytes."""
    (pid,) = mount.server.plugin_pids(PLUGIN)
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    status = dict(line.split(":", 1) for line in lines)
    return int(status["VmRSS"].split()[0]) * 1024


def test_memory_is_small_and_does_not_grow_with_logins(mount: Mount) -> None:
    log_in(mount, 1_000)
    after_1_000 = resident(mount)
    log_in(mount, 9_000)
    after_10_000 = resident(mount)
    print(f"resident: {after_1_000 / MEGABYTE:.1f} MB after 1,000 logins,", end=" ")
    print(f"{after_10_000 / MEGABYTE:.1f} MB after 10,000")
    assert sum(mount.pachd.live().values()) > 10_000
    assert after_1_000 < SMALL
    assert after_10_000 - after_1_000 < NOISE


def start_cpu(plugin_file: Path) -> Iterator[float]:
    """The seconds of CPU that each of some starts takes up to the handshake line."""
    for _ in range(SPAWNS):
        with subprocess.Popen(
            [plugin_file],
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        ) as process:
            assert process.stdout is not None
            line = process.stdout.readline()
            fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
            process.kill()
        assert line.startswith(b"1|5|unix|")
        user, system = int(fields[11]), int(fields[12])  # proc(5): utime and stime
        yield (user + system) / os.sysconf("SC_CLK_TCK")


def test_a_start_takes_little_cpu(plugin_file: Path) -> None:
    best = min(start_cpu(plugin_file))
    print(f"start: {best:.3f} s of CPU")
    assert best < START_CPU
