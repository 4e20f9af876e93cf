"""What the bench says of mounts and leases is of so many mounts and leases."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from bench import leases, mounts, rounds
from bench.build import build
from bench.contenders import LOGIN, OURS, RENEW, REVOKE
from bench.figures import Key
from bench.results import SINGLE
from scripts import go
from tests.integration.openbao import openbao

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [
    pytest.mark.skipif(not go.PRESENT, reason="Go is not on PATH"),
    pytest.mark.timeout(900),  # the first build fetches and compiles HashiCorp's SDK
]


@pytest.fixture(scope="module")
def binaries() -> Path:
    return build()


@pytest.fixture(autouse=True)
def shortly(monkeypatch: pytest.MonkeyPatch) -> None:
    """A few requests of each kind; a figure's quality is not tried here."""
    monkeypatch.setattr(rounds, "WARM_UP", 4)
    for concurrency in rounds.CONCURRENCIES:
        monkeypatch.setitem(rounds.COUNTS, concurrency, 3)


def test_every_mount_is_there_and_one_is_asked(binaries: Path) -> None:
    """The Go plugin with a process for each tells how many there are."""
    cores = os.sched_getaffinity(0)
    one, three = mounts.measure(openbao(), SINGLE, binaries / SINGLE, binaries, cores, [1, 3], 2)
    assert (one.mounts, one.processes) == (1, 1)
    assert (three.mounts, three.processes) == (3, 3)
    assert 0 < three.proportional < three.resident
    assert three.resident > 2 * one.resident
    for concurrency in mounts.CONCURRENCIES:
        assert three.logins.of(Key(SINGLE, LOGIN, concurrency), "plugin_cpu").low > 0
    assert three.logins.requests() == 2 * 3 * len(mounts.CONCURRENCIES)
    assert three.logins.errors() == 0


def test_every_lease_lives_and_what_measured_them_is_gone(
    binaries: Path, plugin_file: Path
) -> None:
    found = leases.measure(openbao(), plugin_file, binaries, os.sched_getaffinity(0), [5, 12], 1)
    assert [step.living for step in found] == [5, 12]  # as the server counts them
    for step in found:
        assert step.figures.errors() == 0
        for operation in (LOGIN, RENEW, REVOKE):
            assert step.figures.of(Key(OURS, operation, 64), "server_cpu").low > 0
        assert step.server > step.plugin > 10_000_000
