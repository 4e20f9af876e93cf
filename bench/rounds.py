"""The rounds: every contender in turn, in another order each time."""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING

from bench import contenders, load, stage
from bench.contenders import LOGIN, OPERATIONS, PLUGINS, REVOKE, Contender
from bench.figures import Figures, Key, of_sample
from bench.results import Served

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

# Requests of each phase by how many run at once: enough for a p99, and a second or so.
COUNTS = {1: 120, 4: 200, 16: 400, 64: 640}
CONCURRENCIES = tuple(COUNTS)
WARM_UP = 200  # requests


def measure(binary: Path, plugin: Path, binaries: Path, cores: set[int], rounds: int) -> Served:
    """Figures on the server `binary`: of everybody at the simulator, of logins at the stand-in.

    `plugin` is ours, `binaries` the folder of the Go programs, `cores` the pachds' own.
    """
    files = contenders.files(plugin, binaries)
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(stage.server(binary))
        simulator = stack.enter_context(stage.simulator(cores))
        stand_in = stack.enter_context(stage.stand_in(binaries, cores))
        for name, file in files.items():
            server.register(name, file)
        everybody = [
            *(contenders.of_plugin(server, simulator, name, f"{name}-1") for name in PLUGINS),
            contenders.built_in(server),
            contenders.bare_call(simulator, dial=False),
            contenders.bare_call(simulator, dial=True),
        ]
        quickly = [
            *(
                contenders.of_plugin(server, stand_in, name, f"{name}-2").part(LOGIN, REVOKE)
                for name in PLUGINS
            ),
            contenders.bare_call(stand_in, dial=False),
            contenders.bare_call(stand_in, dial=True),
        ]
        program = binaries / "load"
        with_simulator, with_stand_in = Figures(), Figures()
        for contender in (*everybody, *quickly):
            warm_up(program, contender)
        for number in range(rounds):
            print(f"round {number + 1} of {rounds}", file=sys.stderr)
            for concurrency in CONCURRENCIES:
                _turn(program, everybody, with_simulator, number, concurrency)
                _turn(program, quickly, with_stand_in, number, concurrency)
    return Served(product=stage.product(binary), simulator=with_simulator, stand_in=with_stand_in)


def _turn(
    program: Path, everybody: Sequence[Contender], figures: Figures, number: int, concurrency: int
) -> None:
    first = number % len(everybody)
    for contender in (*everybody[first:], *everybody[:first]):
        ask(program, contender, figures, concurrency)


def warm_up(program: Path, contender: Contender) -> None:
    """Open its connections, fill its caches, run its code for the first time."""
    load.run(
        program,
        contender.target,
        contender.phases,
        count=WARM_UP,
        concurrency=CONCURRENCIES[1],
        watch=(),
    )


def ask(program: Path, contender: Contender, figures: Figures, concurrency: int) -> None:
    """Ask one contender for all its phases once, and note a round of each."""
    watched = [pid for pid in contender.watch if pid]
    samples = load.run(
        program,
        contender.target,
        contender.phases,
        count=COUNTS[concurrency],
        concurrency=concurrency,
        watch=watched,
    )
    for operation, sample in samples.items():
        if operation in OPERATIONS:
            cpu = dict(zip(watched, sample.cpu, strict=True))
            sample.cpu[:] = [cpu.get(pid, 0.0) for pid in contender.watch]
            figures.add(Key(contender.name, operation, concurrency), of_sample(sample))
