"""What a call costs through the kept-fresh client over the bare one: ``python -m bench.client``.

Both speak to a server of gRPC's that does nothing, in a process of its own, in turns; the figure is
the median of the differences of each turn's medians. It needs the packages of development alone.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from statistics import median
from typing import TYPE_CHECKING, Any

import grpc

sys.path.insert(0, "client")  # as make runs it, from the root

warnings.simplefilter("ignore")  # the SDK's dependencies' deprecations are not ours to mend

from pachyderm_sdk import Client  # noqa: E402

from pachyderm_vault import Credentials, Secret, TokenSource  # noqa: E402
from pachyderm_vault.lease import Lease  # noqa: E402
from pachyderm_vault.life import Life  # noqa: E402
from pachyderm_vault.sdk import connect  # noqa: E402
from pachyderm_vault.session import VaultToken  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable

LIMIT = 50.0  # microseconds
CALLS = 200  # of each, in a turn
HOUR = 3600.0


class Nothing(grpc.GenericRpcHandler):
    """Answers every call with an empty message."""

    def service(self, details: grpc.HandlerCallDetails) -> Any:
        """Answer it."""
        del details
        return grpc.unary_unary_rpc_method_handler(lambda body, context: b"")


def serve() -> None:
    """Serve until standard input ends."""
    with ThreadPoolExecutor(2) as pool:
        server = grpc.server(pool, handlers=[Nothing()])
        print(server.add_insecure_port("127.0.0.1:0"), flush=True)
        server.start()
        sys.stdin.read()
        server.stop(None)


def source(address: str) -> TokenSource:
    """A source with a living lease of an hour in hand, as between two renewals."""
    from pachyderm_vault.clock import now

    made = TokenSource("pachyderm/creds/app", keep=True, revoke=False)
    life = (now(), HOUR, HOUR, True, 0.5)
    under = VaultToken(Secret("vault"), Life(*life))
    ends = datetime.max.replace(tzinfo=UTC)
    credentials = Credentials(Secret("0" * 32), address, ends, "lease")
    made._held.lease = Lease(*life, under, credentials)
    return made


def one(call: Callable[[], object]) -> float:
    """The median of a turn, in microseconds."""
    taken = []
    for _ in range(CALLS):
        began = time.perf_counter_ns()
        call()
        taken.append(time.perf_counter_ns() - began)
    return median(taken) / 1e3


def main() -> None:
    """Measure and tell; fails over the limit."""
    parser = argparse.ArgumentParser(prog="python -m bench.client", description=__doc__)
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--turns", type=int, default=40)
    options = parser.parse_args()
    if options.serve:
        serve()
        return
    command = [sys.executable, "-m", "bench.client", "--serve"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None  # noqa: S101  it is a pipe
        assert process.stdin is not None  # noqa: S101
        address = f"127.0.0.1:{process.stdout.readline().strip()}"
        bare = Client.from_pachd_address(address, auth_token="0" * 32)
        kept = connect(source(address))
        calls = (bare.auth.who_am_i, kept.auth.who_am_i)
        for call in calls:
            one(call)
        turns = [tuple(map(one, calls)) for _ in range(options.turns)]
        process.stdin.close()
    more = sorted(theirs - ours for ours, theirs in turns)
    quarter = len(more) // 4
    bare_one, kept_one = (median(turn[n] for turn in turns) for n in (0, 1))
    print(f"a call of the bare client {bare_one:.0f} us, of the kept-fresh one {kept_one:.0f} us")
    print(
        f"more: {median(more):.1f} us (quartiles {more[quarter]:.1f} to {more[-1 - quarter]:.1f})"
    )
    if median(more) > LIMIT:
        raise SystemExit(f"over the limit of {LIMIT:g} us")


if __name__ == "__main__":
    main()
