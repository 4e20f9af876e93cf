"""The load generator's plan and what it gives back."""

from __future__ import annotations

import dataclasses
import json
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """Requests of one kind, one after the other phase's end.

    What `keep` names in an answer (``auth.client_token``) is put aside; ``%s`` in `path` or
    `body` is what the phase `use` put aside, so that it is asked at most as often.
    """

    name: str
    method: str
    path: str = ""
    body: str = ""
    keep: str = ""
    use: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Whom to call: a server of Vault's API at a URL, or a pachd at ``host:port``."""

    address: str
    token: str
    pachd: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One phase: seconds of each request and in all, of CPU by process; errors by kind."""

    latencies: list[float]
    seconds: float
    cpu: list[float]
    errors: dict[str, int]


def run(
    load: Path,
    target: Target,
    phases: Sequence[Phase],
    *,
    count: int,
    concurrency: int,
    watch: Sequence[int],
) -> dict[str, Sample]:
    """Each phase's sample, of `count` requests with `concurrency` at once.

    `load` is the generator's program, `watch` the processes whose CPU time is told.
    """
    plan = {
        "target": dataclasses.asdict(target),
        "concurrency": concurrency,
        "watch": list(watch),
        "phases": [{**dataclasses.asdict(phase), "count": count} for phase in phases],
    }
    done = subprocess.run(
        [load], input=json.dumps(plan), stdout=subprocess.PIPE, text=True, check=True
    )
    return {name: Sample(**sample) for name, sample in json.loads(done.stdout).items()}
