import logging
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.pachd import PachdV1, PachdV2, Simulator
from tests.unit.engine import secrecy
from tests.unit.engine.cluster import Pachd, is_v1
from tests.unit.engine.vault import Vault
from vault_plugin.engine import backend


@pytest.fixture(autouse=True)
def no_token_is_logged(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Whatever a test does, no log record of any level may show a token."""
    caplog.set_level(1)
    yield
    plain = logging.Formatter("%(message)s %(args)r")
    for record in [*caplog.get_records("setup"), *caplog.get_records("call")]:
        secrecy.check(plain.format(record))


@pytest.fixture
def v1() -> Iterator[Simulator[PachdV1]]:
    with Simulator(PachdV1()) as pachd:
        yield pachd


@pytest.fixture
def v2() -> Iterator[Simulator[PachdV2]]:
    with Simulator(PachdV2()) as pachd:
        yield pachd


@pytest.fixture(params=["v1", "v2"])
def pachd(request: pytest.FixtureRequest) -> Pachd:
    """Each generation in turn."""
    found: Pachd = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def other(pachd: Pachd) -> Iterator[Pachd]:
    """Another cluster of the same generation."""
    there: Pachd = Simulator(PachdV1()) if is_v1(pachd) else Simulator(PachdV2())
    with there:
        yield there


@pytest.fixture
async def vault(tmp_path: Path) -> AsyncIterator[Vault]:
    async with Vault(backend()) as host:
        yield host


@pytest.fixture
async def mount(vault: Vault, pachd: Pachd) -> Vault:
    """A mount configured for `pachd`, with a TTL of 20 minutes."""
    return await configured(vault, pachd)


@pytest.fixture
async def mount1(vault: Vault, v1: Simulator[PachdV1]) -> Vault:
    """A mount configured for a 1.x cluster."""
    return await configured(vault, v1)


@pytest.fixture
async def mount2(vault: Vault, v2: Simulator[PachdV2]) -> Vault:
    """A mount configured for a 2.x cluster."""
    return await configured(vault, v2)


async def configured(vault: Vault, pachd: Pachd, token: str = "", **fields: Any) -> Vault:
    await vault.write(
        "config",
        admin_token=token or pachd.root_token,
        pachd_address=pachd.address,
        ttl="20m",
        **fields,
    )
    pachd.forget()
    vault.calls.clear()
    return vault
