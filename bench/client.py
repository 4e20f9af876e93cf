"""What a call costs through the kept-fresh client over the bare one: ``python -m bench.client``.

Both speak to a server of gRPC's that does nothing, in a process of its own. They take turns, call
by call; of the processor's time that each call of theirs takes the lower quartile counts, for what
else runs on a machine makes calls slower and never faster. It needs the packages of development
alone.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from statistics import quantiles
from typing import TYPE_CHECKING, Any

import grpc

sys.path.insert(0, "client")  # as make runs it, from the root

warnings.simplefilter("ignore")  # the SDK's dependencies' deprecations are not ours to mend

from pachyderm_sdk import Client  # noqa: E402

from pachyderm_vault import Credentials, Secret, TokenSource  # noqa: E402
from pachyderm_vault.channel import signed  # noqa: E402
from pachyderm_vault.lease import Lease  # noqa: E402
from pachyderm_vault.life import Life  # noqa: E402
from pachyderm_vault.sdk import connect  # noqa: E402
from pachyderm_vault.session import VaultToken  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable

    Call = Callable[[], object]

LIMIT = 50.0  # microseconds
WARM = 200  # calls that are not counted
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


def forms(address: str) -> dict[str, tuple[Call, Call]]:
    """The same call of each official client, bare and kept; 1.x's is a plain one of gRPC's."""
    method = "/auth.API/WhoAmI"
    token = "0" * 32
    kept = source(address)
    bare: Any = grpc.insecure_channel(address).unary_unary(method)
    ours: Any = signed(grpc.insecure_channel(address), kept, address).unary_unary(method)
    metadata = [("authn-token", token)]
    return {
        "pachyderm-sdk": (
            Client.from_pachd_address(address, auth_token=token).auth.who_am_i,
            connect(kept).auth.who_am_i,
        ),
        "python-pachyderm": (lambda: bare(b"", metadata=metadata), lambda: ours(b"", metadata=())),
    }


def measured(calls: tuple[Call, ...], number: int) -> list[float]:
    """The lower quartile of each one's microseconds of the processor, taken in turns."""
    taken: list[list[int]] = [[] for _ in calls]
    for call in calls * WARM:
        call()
    for _ in range(number):
        for call, times in zip(calls, taken, strict=True):
            began = time.process_time_ns()
            call()
            times.append(time.process_time_ns() - began)
    return [quantiles(times, n=4)[0] / 1e3 for times in taken]


def main() -> None:
    """Measure and tell; fails over the limit."""
    parser = argparse.ArgumentParser(prog="python -m bench.client", description=__doc__)
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--calls", type=int, default=4000)
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
        over = False
        for name, calls in forms(address).items():
            bare, kept = measured(calls, options.calls)
            print(f"{name}: {bare:.1f} us bare, {kept:.1f} us kept, {kept - bare:+.1f} us")
            over |= kept - bare > LIMIT
        process.stdin.close()
    if over:
        raise SystemExit(f"over the limit of {LIMIT:g} us")


if __name__ == "__main__":
    main()
