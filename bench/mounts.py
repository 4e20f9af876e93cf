"""What a plugin's mounts cost: memory, processes, and what they leave of the speed of one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench import contenders, stage
from bench.contenders import LOGIN
from bench.figures import Figures
from bench.footprint import resident
from bench.rounds import ask, warm_up

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

CONCURRENCIES = (1, 16)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mounts:
    """What so many mounts hold: bytes resident, and with shared pages shared out.

    `logins` are on one of them, by how many ran at once.
    """

    mounts: int
    processes: int
    resident: int
    proportional: int
    logins: Figures


def measure(
    binary: Path,
    name: str,
    file: Path,
    binaries: Path,
    cores: set[int],
    counts: Sequence[int],
    repeats: int,
) -> list[Mounts]:
    """What each of `counts` mounts of a plugin cost, all configured and with a login behind them.

    They are on one server in memory, `binary`'s, and mint at the stand-in. Logins on one of them
    are measured `repeats` times.
    """
    found = []
    with stage.server(binary) as server, stage.stand_in(binaries, cores) as pachd:
        server.register(name, file)
        one = contenders.of_plugin(server, pachd, name, "mount-0").part(LOGIN)
        warm_up(binaries / "load", one)
        made = 1
        for count in counts:
            for number in range(made, count):
                contenders.mount(server, pachd, name, f"mount-{number}")
                contenders.write(server, f"mount-{number}/login/robot:bench", {})
            made = count
            pids = server.plugin_pids(name)
            logins = Figures()
            for _ in range(repeats):
                for concurrency in CONCURRENCIES:
                    ask(binaries / "load", one, logins, concurrency)
            found.append(
                Mounts(
                    mounts=count,
                    processes=len(pids),
                    resident=resident(pids),
                    proportional=resident(pids, "Pss"),
                    logins=logins,
                )
            )
    return found
