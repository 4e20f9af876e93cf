"""Whatever anybody asks, over HTTP or on the plugin's own socket, the plugin answers and lives on.

The requests are made from a seed, which a failure shows: see `tests/unit/process/hostile.py`.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import secrets
import shutil
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

from tests.chaos.ledger import secrets_shown
from tests.chaos.record import Loss
from tests.integration.mount import PLUGIN, Mount
from tests.integration.openbao import VaultServer, openbao
from tests.pachd import PachdV2, Simulator
from tests.pachd.bindings import CLUSTER_KEY
from tests.unit.engine.cluster import add_token
from tests.unit.process.hostile import SECRET, Caller, checked
from tests.unit.process.mounted import mounted

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.chaos.conftest import Chaos

AT_ONCE = 50  # requests on the socket
CLIENTS = 4  # over HTTP, each with a connection of its own
HOLD = 60.0  # seconds that no request may take
MOST = 300_000  # kilobytes that the plugin may hold at most, bodies of 10 MB and all
BIG = b'{"user_token":"%s","ttl":[%s]}' % (b"\\u003c" * 800_000, b"1," * 2_600_000 + b"1")
RENEWED = 400  # requests, after which a client writes a configuration that works
METHODS = {
    "read": "GET",
    "create": "POST",
    "update": "PUT",
    "patch": "PATCH",
    "delete": "DELETE",
    "list": "LIST",
}

pytestmark = pytest.mark.timeout(1800)


def memory(pid: int, what: str) -> int:
    """Kilobytes a process holds now (VmRSS) or ever held (VmHWM)."""
    status = Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith(what))


async def test_on_the_plugins_socket(chaos: Callable[[str], Chaos], plugin_file: Path) -> None:
    run = chaos("bad-input-socket")
    caller = Caller(run.seed)
    refused = 0
    async with mounted(command=(str(plugin_file),)) as mount:
        pid = mount.host.plugin.process.pid
        before = memory(pid, "VmRSS")

        async def send() -> bool:
            request = caller.request()
            reply = await mount.send(request)
            checked(request, reply)
            return reply.HasField("err") or '"error"' in reply.response.data

        for _ in range(0, run.trials, AT_ONCE):
            refused += sum(await asyncio.gather(*(send() for _ in range(AT_ONCE))))
        version = await mount.ask("read", "version/client-only")
        assert "client-version" in version.response.data
        assert mount.host.plugin.process.returncode is None
        assert not mount.logged(SECRET)
        after, peak = memory(pid, "VmRSS"), memory(pid, "VmHWM")
    record = run.record(
        trials=run.trials,
        answered=run.trials - refused,
        refused=refused,
        notes=[in_words(before, after, peak)],
    )
    assert not record.losses
    assert peak < MOST


def in_words(before: int, after: int, peak: int) -> str:
    """The memory of the plugin."""
    return (
        f"Resident memory of the plugin: {before // 1000} MB before, {after // 1000} MB after,"
        f" {peak // 1000} MB at the most."
    )


def configure(mount: Mount, pachd: Simulator[PachdV2]) -> None:
    """Configure it anew, with an admin of its own: what is made up rotates, deletes and revokes."""
    subject = f"robot:admin-{secrets.token_hex(8)}"
    pachd.cluster.bindings.set(CLUSTER_KEY, subject, ["clusterAdmin"])
    mount.configure(admin_token=add_token(pachd, subject, 0), request_timeout=2)


class Client:
    """Sends what a `Caller` makes up over HTTP, over one connection while it lasts."""

    def __init__(self, mount: Mount, pachd: Simulator[PachdV2], seed: int) -> None:
        self.mount = mount
        self._pachd = pachd
        self.statuses: Counter[int] = Counter()
        self.faults: Counter[str] = Counter()  # answers nobody should get, and how often
        self.slowest = 0.0  # seconds
        self._caller = Caller(seed)
        host = mount.server.address.removeprefix("http://")
        self._connection = http.client.HTTPConnection(host, timeout=HOLD)  # connects by itself

    def close(self) -> None:
        """Close its connection."""
        self._connection.close()

    def send(self, number: int) -> None:
        """Send request `number` and judge its answer."""
        if number % RENEWED == 0:
            configure(self.mount, self._pachd)
        method, path, body = self._request(number)
        headers = {"X-Vault-Token": self.mount.server.root_token}
        if method == "PATCH":
            headers["Content-Type"] = "application/merge-patch+json"
        began = time.monotonic()
        try:
            self._connection.request(method, path, body, headers)
            reply = self._connection.getresponse()
            status, text = reply.status, reply.read().decode()
        except (ConnectionError, http.client.HTTPException):
            # The server does so to a request that is none, as is one with a line too long.
            self._connection.close()
            status, text = 0, ""
        self.slowest = max(self.slowest, time.monotonic() - began)
        self.statuses[status] += 1
        self._judge(f"{method} {path[:80]}", status, text)

    def _request(self, number: int) -> tuple[str, str, bytes]:
        made = self._caller.request()
        body = BIG if number % 1_000 == 500 else made.data.encode()
        if made.HasField("secret"):  # what the host makes of this
            lease = {"lease_id": f"{self.mount.path}/login/robot:x/{number}"}
            return (
                "PUT",
                f"/v1/sys/leases/{made.operation}",
                json.dumps(lease).encode(),
            )
        path = quote(made.path.encode(), safe="/:{}*%" if number % 2 else "/")
        path = f"/v1/{self.mount.path}/{path}"
        if made.operation == "help":
            return "GET", f"{path}?help=1", body
        return METHODS.get(made.operation, "POST"), path, body

    def _judge(self, asked: str, status: int, text: str) -> None:
        if SECRET in text:
            self.faults[f"{asked}: shows the token"] += 1
        if status >= 500 and "pachd at " not in text:
            self.faults[f"{asked}: {status} {text[:200]}"] += 1


def test_over_http(chaos: Callable[[str], Chaos], plugin_file: Path) -> None:
    run = chaos("bad-input-http")
    directory = Path(tempfile.mkdtemp(prefix="vc"))
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, directory)
        pachd = stack.enter_context(Simulator(PachdV2()))
        server = VaultServer(openbao(), directory)
        with server:
            server.register(PLUGIN, plugin_file)
            mount = Mount(server, "pachyderm", pachd)
            server.enable(PLUGIN, mount.path)
            mount.configure()
            (pid,) = server.plugin_pids(PLUGIN)
            before = memory(pid, "VmRSS")
            clients = [Client(mount, pachd, run.seed + n) for n in range(CLIENTS)]

            def ask(client: Client) -> None:
                for number in range(run.trials // CLIENTS):
                    client.send(number)

            with ThreadPoolExecutor(CLIENTS) as pool:
                list(pool.map(ask, clients))
            for client in clients:
                client.close()
            assert server.plugin_pids(PLUGIN) == [pid]
            after, peak = memory(pid, "VmRSS"), memory(pid, "VmHWM")
            configure(mount, pachd)
            assert mount.alive(mount.login())
        shown = secrets_shown(server)
    statuses = sum((client.statuses for client in clients), Counter[int]())
    faults = sum((client.faults for client in clients), Counter[str]())
    slowest = max(client.slowest for client in clients)
    answered = sum(number for status, number in statuses.items() if 200 <= status < 300)
    record = run.record(
        trials=statuses.total(),
        answered=answered,
        refused=statuses.total() - answered,
        losses=+Counter({Loss.SECRET: len(shown), Loss.HANG: int(slowest > HOLD)}),
        notes=[
            "By status: " + ", ".join(f"{n} x {s}" for s, n in sorted(statuses.items())) + ".",
            f"The slowest took {slowest:.1f} s.",
            in_words(before, after, peak),
        ],
    )
    assert not faults, run.seed
    assert not record.losses
    assert peak < MOST
