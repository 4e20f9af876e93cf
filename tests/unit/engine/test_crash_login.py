"""A crash-safe login that something happens to at each of its steps: nothing of it is left."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import pytest

from shim import BackendError
from shim.framework.host import HostError
from tests.pachd import PachdV1, PachdV2
from tests.unit.engine.cluster import Pachd, entries, is_v1, simulator
from tests.unit.engine.conftest import configured
from tests.unit.engine.crash import Crash, Kind
from tests.unit.engine.vault import Vault
from vault_plugin.engine import backend

if TYPE_CHECKING:
    from pathlib import Path

# What a login does, each step before and after its effect: read the configuration (and the
# role), write the log, have pachd grant, restore and show the token, write the log over.
LOGIN = ("Storage/Get", "Storage/Put", "RestoreAuthToken", "WhoAmI", "Storage/Put")


def steps_of(creds: bool, pachd: Pachd) -> list[str]:
    calls = list(LOGIN)
    if creds:
        calls.insert(0, "Storage/Get")
        calls[3:3] = ["SetScope"] * 2 if is_v1(pachd) else ["ModifyRoleBinding"] * 2
    return [f"{when} {call}" for call in calls for when in ("before", "after")]


@pytest.mark.parametrize("creds", [False, True], ids=["login", "creds"])
@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("generation", [PachdV1, PachdV2])
async def test_nothing_is_left(
    tmp_path: Path, generation: type[PachdV1 | PachdV2], kind: Kind, creds: bool
) -> None:
    repos = ["images", "models"] if generation is PachdV1 else ["default/images", "default/models"]
    role = "READER" if generation is PachdV1 else "repoReader"
    path = "creds/job" if creds else "login/robot:x"
    came_to: list[str] = []
    with simulator(generation, repos=repos) as pachd:
        async with Vault(backend()) as mount:
            await configured(mount, pachd)
            grants = [f"repo:{repo}={role}" for repo in repos]
            await mount.write(
                "config", crash_safe=True, request_timeout="2s", allowed_grants=grants
            )
            await mount.write(
                "roles/job",
                subject="robot:job-{{random}}",
                grants=grants,
            )
            tokens, rights = pachd.live(), entries(pachd)
            for at in range(1, len(steps_of(creds, pachd)) + 1):
                await mount.backend.invalidate("config")  # it begins with a cold cache
                with Crash(kind, at, mount, pachd) as crash:
                    task = asyncio.ensure_future(mount.write(path))
                    await asyncio.wait(
                        [task, asyncio.ensure_future(crash.came.wait())],
                        return_when=asyncio.FIRST_COMPLETED,
                    )
                    if kind is not Kind.FAILED:
                        assert not task.done()
                    if kind is Kind.KILLED:
                        mount.replace(backend())
                    else:
                        if kind is Kind.CANCELLED:
                            task.cancel()
                        with pytest.raises((asyncio.CancelledError, BackendError, HostError)):
                            await task
                        await asyncio.gather(*mount.background())
                came_to.append(crash.step)
                await mount.roll_back()
                assert mount.log_entries == [], crash.step
                assert mount.given_entries == [], crash.step
                assert pachd.live() == tokens, crash.step
                assert entries(pachd) == rights, crash.step
                task.cancel()  # the killed one's
                with contextlib.suppress(asyncio.CancelledError, BackendError, HostError):
                    await task
                await asyncio.gather(*mount.background())
            assert came_to == steps_of(creds, pachd)


async def test_the_steps_are_all_there_are(mount: Vault, pachd: Pachd) -> None:
    await mount.write("config", crash_safe=True)
    with Crash(Kind.KILLED, 1000, mount, pachd) as crash:
        await mount.write("login/robot:x")
    assert crash.steps == steps_of(False, pachd)
    assert mount.log_entries == []
    assert len(mount.given_entries) == 1
    assert pachd.live()["robot:x"] == 1
