from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.unit.engine.vault import Vault
from tests.unit.framework.toy import Toy


@pytest.fixture
def toy() -> Toy:
    return Toy()


@pytest.fixture
async def vault(toy: Toy, tmp_path: Path) -> AsyncIterator[Vault]:
    async with Vault(toy.backend(), tmp_path) as host:
        yield host
