from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from shim.framework.servicer import BackendServicer
from shim.grpc import Channel, Server
from tests.unit.engine.vault import Vault
from tests.unit.framework.plugin import Broker, Plugin
from tests.unit.framework.toy import Toy


@pytest.fixture
def toy() -> Toy:
    return Toy()


@pytest.fixture
async def vault(toy: Toy, tmp_path: Path) -> AsyncIterator[Vault]:
    async with Vault(toy.backend()) as host:
        toy.happened.clear()
        yield host


@pytest.fixture
def metadata_mode() -> bool:
    return False


@pytest.fixture
async def plugin(tmp_path: Path, metadata_mode: bool) -> AsyncIterator[Plugin]:
    async with Vault(Toy().backend()) as host:
        server = Server()
        channel = Channel.unix(str(tmp_path / "plugin"))
        plugin = Plugin(channel)

        def factory() -> Any:
            plugin.toys.append(Toy())
            return plugin.toys[-1].backend()

        broker: Any = Broker(host)
        servicer = BackendServicer(factory, broker, metadata_mode=metadata_mode)
        servicer.register(server)
        await server.listen_unix(str(tmp_path / "plugin"))
        yield plugin
        await servicer.close()
        await channel.close()
        await server.drain(1)
