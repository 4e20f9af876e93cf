"""What living leases cost: a node as in production, while they become many."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING

from bench import contenders, load, stage
from bench.contenders import LOGIN, OURS, RENEW, REVOKE
from bench.figures import Figures
from bench.footprint import resident
from bench.rounds import ask, warm_up

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tests.integration.openbao import VaultServer

CONCURRENCIES = (1, 16, 64)
AT_ONCE = 64  # logins at once that make them


@dataclass(frozen=True, slots=True, kw_only=True)
class Leases:
    """What the plugin and the server hold, in bytes, and how fast they are, with so many living.

    `figures` are of logins, renewals and revocations, which leave as many as there were.
    """

    living: int
    plugin: int
    server: int
    figures: Figures


def measure(
    binary: Path,
    plugin: Path,
    binaries: Path,
    cores: set[int],
    counts: Sequence[int],
    repeats: int,
) -> list[Leases]:
    """Each of `counts` leases, made by logins on a server `binary` with integrated storage.

    Our plugin mints at the stand-in, and is measured `repeats` times with each count. Raises
    RuntimeError where a login fails.
    """
    found = []
    program = binaries / "load"
    with stage.server(binary, stage.Node) as server, stage.stand_in(binaries, cores) as pachd:
        server.register(OURS, plugin)
        one = contenders.of_plugin(server, pachd, OURS, OURS)
        lives = one.part(LOGIN, RENEW, REVOKE)
        warm_up(program, lives)
        for count in counts:
            _log_in(program, one.part(LOGIN), count - _living(server))
            figures = Figures()
            for _ in range(repeats):
                for concurrency in CONCURRENCIES:
                    ask(program, lives, figures, concurrency)
            found.append(
                Leases(
                    living=_living(server),
                    plugin=resident(server.plugin_pids(OURS)),
                    server=resident([server.pid]),
                    figures=figures,
                )
            )
    return found


def _living(server: VaultServer) -> int:
    """How many the server itself counts."""
    status, answer = server.http("LIST", f"/v1/sys/leases/lookup/{OURS}/login/robot:bench")
    return len(answer["data"]["keys"]) if status == HTTPStatus.OK else 0


def _log_in(program: Path, logins: contenders.Contender, times: int) -> None:
    made = load.run(
        program, logins.target, logins.phases, count=times, concurrency=AT_ONCE, watch=()
    )
    if errors := made[LOGIN].errors:
        raise RuntimeError(f"logins failed: {errors}")
