"""The Go programs build, and do what the figures rest on."""

from __future__ import annotations

import json
import os
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest

from bench import stage
from bench.build import PLUGINS, PROGRAMS, SOURCES, build
from bench.footprint import growth, starts
from bench.load import Phase, Target, run
from scripts import go

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [
    pytest.mark.skipif(not go.PRESENT, reason="Go is not on PATH"),
    pytest.mark.timeout(900),  # the first build fetches and compiles HashiCorp's SDK
]


@pytest.fixture(scope="module")
def binaries() -> Path:
    return build()


class Leases(BaseHTTPRequestHandler):
    """Gives a lease for every PUT, refuses a POST of the second; counts connections."""

    protocol_version = "HTTP/1.1"
    asked: Counter[str]
    connections: set[tuple[str, int]]

    def do_PUT(self) -> None:
        type(self).connections.add(self.client_address)
        self._take()
        number = type(self).asked["PUT"]
        self._answer(200, {"auth": {"lease": f"lease-{number}"}})

    def do_POST(self) -> None:
        body = self._take()
        self._answer(400 if body["lease"] == "lease-2" else 200, {})

    def _take(self) -> dict[str, str]:
        type(self).asked[self.command] += 1
        assert self.headers["X-Vault-Token"] == "secret"
        taken: dict[str, str] = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        return taken

    def _answer(self, status: int, body: object) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def leases() -> Iterator[str]:
    Leases.asked, Leases.connections = Counter(), set()
    with ThreadingHTTPServer(("127.0.0.1", 0), Leases) as server:
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        serving.join()


def test_every_program_is_built(binaries: Path) -> None:
    for name in (*PROGRAMS, *PLUGINS):
        assert os.access(binaries / name, os.X_OK)


@pytest.mark.usefixtures("binaries")  # compiled with what the test imports
def test_the_host_gives_every_call_a_deadline_of_its_own() -> None:
    go.test(SOURCES, "./host")


def test_the_load_generator_counts_keeps_and_uses(binaries: Path, leases: str) -> None:
    phases = (
        Phase(name="lease", method="PUT", path="/lease", body="{}", keep="auth.lease"),
        Phase(name="end", method="POST", path="/end", body='{"lease": "%s"}', use="lease"),
    )
    samples = run(
        binaries / "load",
        Target(address=leases, token="secret"),
        phases,
        count=6,
        concurrency=1,
        watch=[os.getpid()],
    )
    assert len(samples["lease"].latencies) == len(samples["end"].latencies) == 6
    assert samples["lease"].errors == {}
    assert samples["end"].errors == {"400 Bad Request": 1}
    assert samples["lease"].seconds >= max(samples["lease"].latencies) > 0
    assert samples["lease"].cpu[0] > 0  # this process served them
    assert Leases.asked == {"PUT": 6, "POST": 6}
    assert len(Leases.connections) == 1  # kept alive


def test_the_load_generator_mints_at_a_pachd(binaries: Path) -> None:
    with stage.simulator(os.sched_getaffinity(0)) as pachd:
        for token, errors in ((pachd.token, {}), ("wrong", {"Unauthenticated": 4})):
            target = Target(address=pachd.address, token=token, pachd=True)
            phases = [Phase(name=how, method=how) for how in ("keep", "dial")]
            samples = run(
                binaries / "load", target, phases, count=4, concurrency=2, watch=[pachd.pid]
            )
            assert {name: sample.errors for name, sample in samples.items()} == dict.fromkeys(
                ("keep", "dial"), errors
            )


def test_a_go_plugin_starts_and_serves_its_host(binaries: Path) -> None:
    plugin = binaries / "go-pooled"
    found, paces = starts({"go": plugin}, times=1)
    (start,) = found["go"]
    assert start.cpu > 0
    assert start.resident > 1_000_000
    assert len(paces) == 1
    first, second = growth(plugin, binaries, os.sched_getaffinity(0), step=50, steps=2)
    assert (first.requests, second.requests) == (50, 100)
    assert second.descriptors > 3
    assert second.resident > 1_000_000
