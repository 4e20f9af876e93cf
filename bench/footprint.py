"""What a plugin costs beside its requests: start-up, and what it holds after many of them."""

from __future__ import annotations

import json
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bench import machine, stage
from tests.unit.process.plugin_host import environment

STARTS = 20
IN_PARALLEL = 16  # requests at once while growth is watched
_SCHEDULER = 2  # CPUCLOCK_SCHED, of clock_getcpuclockid(3)

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """From spawn to the handshake line: seconds, seconds of CPU, and the bytes resident then."""

    seconds: float
    cpu: float
    resident: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Growth:
    """What the plugin holds after so many requests."""

    requests: int
    resident: int
    descriptors: int
    seconds: float


def starts(
    files: dict[str, Path], times: int = STARTS
) -> tuple[dict[str, list[Start]], list[float]]:
    """The starts of each plugin, in turn, and the machine's pace before each turn."""
    found: dict[str, list[Start]] = {name: [] for name in files}
    paces = []
    for _ in range(times):
        paces.append(machine.pace())
        for name, file in files.items():
            found[name].append(_start(file))
    return found, paces


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
        held = resident([process.pid]) if line else 0
        process.kill()
    if not line.startswith(b"1|5|unix|"):
        raise RuntimeError(f"{file.name} did not start")
    return Start(seconds=seconds, cpu=cpu, resident=held)


def resident(pids: Iterable[int], kind: str = "Rss") -> int:
    """The bytes that processes hold; as ``Pss``, those they share are shared out."""
    return sum(_kilobytes(pid, kind) for pid in pids) * 1024


def _kilobytes(pid: int, kind: str) -> int:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    (line,) = (line for line in lines if line.startswith(f"{kind}:"))
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
