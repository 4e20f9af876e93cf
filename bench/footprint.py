"""What a plugin costs beside its requests: start-up, memory, growth."""

from __future__ import annotations

import contextlib
import json
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bench import contenders, stage
from tests.unit.process.plugin_host import environment

if TYPE_CHECKING:
    from collections.abc import Sequence

STARTS = 12
IN_PARALLEL = 16  # requests at once while growth is watched
_SCHEDULER = 2  # CPUCLOCK_SCHED, of clock_getcpuclockid(3)


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """From spawn to the handshake line: seconds, and seconds of CPU."""

    seconds: float
    cpu: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """What so many mounts hold: bytes resident, and with shared pages shared out."""

    mounts: int
    processes: int
    resident: int
    proportional: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Growth:
    """What the plugin holds after so many requests."""

    requests: int
    resident: int
    descriptors: int
    seconds: float


def starts(files: dict[str, Path], times: int = STARTS) -> dict[str, list[Start]]:
    """The starts of each plugin, in turn."""
    found: dict[str, list[Start]] = {name: [] for name in files}
    for _ in range(times):
        for name, file in files.items():
            found[name].append(_start(file))
    return found


def _start(file: Path) -> Start:
    begun = time.perf_counter()
    with subprocess.Popen(
        [file],
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as process:
        assert process.stdout is not None  # noqa: S101  it is a pipe
        line = process.stdout.readline()
        seconds = time.perf_counter() - begun
        cpu = time.clock_gettime(~process.pid << 3 | _SCHEDULER)
        process.kill()
    if not line.startswith(b"1|5|unix|"):
        raise RuntimeError(f"{file.name} did not start")
    return Start(seconds=seconds, cpu=cpu)


def memory(name: str, file: Path, cores: set[int], counts: Sequence[int]) -> list[Memory]:
    """What `counts` mounts of a plugin hold, each configured and with a login behind it."""
    found = []
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(stage.server())
        pachd = stack.enter_context(stage.simulator(cores))
        server.register(name, file)
        mounts = 0
        for count in counts:
            for number in range(mounts, count):
                contenders.mount(server, pachd, name, f"mount-{number}")
                contenders.write(server, f"mount-{number}/login/robot:bench", {})
            mounts = count
            pids = server.plugin_pids(name)
            found.append(
                Memory(
                    mounts=count,
                    processes=len(pids),
                    resident=sum(_kilobytes(pid, "Rss") for pid in pids) * 1024,
                    proportional=sum(_kilobytes(pid, "Pss") for pid in pids) * 1024,
                )
            )
    return found


def _kilobytes(pid: int, name: str) -> int:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    (line,) = (line for line in lines if line.startswith(f"{name}:"))
    return int(line.split()[1])


def growth(file: Path, binaries: Path, cores: set[int], *, step: int, steps: int) -> list[Growth]:
    """What the plugin in `file` holds after each `step` of requests over its own socket."""
    with stage.stand_in(binaries, cores) as pachd:
        plan = {
            "command": str(file.absolute()),
            "config": {"admin_token": pachd.token, "pachd_address": pachd.address, "ttl": "1h"},
            "concurrency": IN_PARALLEL,
            "requests": step,
            "steps": steps,
        }
        done = subprocess.run(
            [binaries / "host"],
            input=json.dumps(plan),
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
    return [Growth(**json.loads(line)) for line in done.stdout.splitlines()]
