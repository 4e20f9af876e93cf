from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.integration import container
from tests.integration.mount import PLUGIN, Mount
from tests.integration.openbao import VaultServer, servers
from tests.integration.register import NEWER, VERSION, build, file_name
from tests.pachd import PachdV1, PachdV2, Simulator

ROOT = Path(__file__).resolve().parents[2]
StartServer = Callable[..., VaultServer]
GENERATIONS = {"1.x": PachdV1, "2.x": PachdV2}


NO_CONTAINER = container.absence()
BUILD_SECONDS = 900  # for the first test on a container, which waits for its image
ON = [*servers(), *([] if NO_CONTAINER else [("container", container.wanted())])]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        on = getattr(item, "callspec", None)
        if on and on.params.get("server", ("",))[0] == "container":
            item.add_marker(pytest.mark.timeout(BUILD_SECONDS))


@pytest.fixture(scope="session", params=ON, ids=lambda on: on[0])
def server(request: pytest.FixtureRequest) -> Iterator[VaultServer]:
    """Each server there is, in a directory whose path leaves room for sockets."""
    _, program = request.param
    directory = Path(tempfile.mkdtemp(prefix="vs"))
    with contextlib.ExitStack() as stack:
        stack.callback(shutil.rmtree, directory)
        if isinstance(program, Path):
            yield stack.enter_context(VaultServer(program, directory))
        else:
            image = stack.enter_context(container.image(program))
            yield stack.enter_context(container.ContainerServer(image, directory))


@pytest.fixture(scope="session")
def plugin_file() -> Path:
    """The built plugin."""
    file = ROOT / "dist" / "vault-plugin-secrets-pachyderm"
    if not file.exists():
        pytest.fail("the plugin is not built: run make build")
    return file


@pytest.fixture(scope="session")
def zip_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The plugin in its other form."""
    file = tmp_path_factory.mktemp("zip") / PLUGIN
    build(VERSION, file, "--form", "zip")
    return file


@pytest.fixture(scope="session")
def newer_plugin_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The plugin built as a later version, NEWER."""
    file = tmp_path_factory.mktemp("newer") / PLUGIN
    build(NEWER, file)
    return file


@pytest.fixture
def v1() -> Iterator[Simulator[PachdV1]]:
    with Simulator(PachdV1()) as pachd:
        yield pachd


@pytest.fixture
def v2() -> Iterator[Simulator[PachdV2]]:
    with Simulator(PachdV2()) as pachd:
        yield pachd


@pytest.fixture(scope="session")
def plugin(server: VaultServer, plugin_file: Path) -> str:
    """The built plugin's name in the server's catalog."""
    server.register(PLUGIN, plugin_file)
    return PLUGIN


@pytest.fixture(params=GENERATIONS)
def pachd(request: pytest.FixtureRequest) -> Iterator[Simulator[PachdV1 | PachdV2]]:
    """A cluster of each generation."""
    with Simulator(GENERATIONS[request.param]()) as cluster:
        yield cluster


@pytest.fixture
def mount(server: VaultServer, plugin: str, pachd: Simulator[PachdV1 | PachdV2]) -> Iterator[Mount]:
    """The engine at ``pachyderm/``, configured for the cluster with ``ttl=5m``."""
    with Mount(server, "pachyderm", pachd) as mounted:
        mounted.configure()
        yield mounted


@pytest.fixture
def another(server: VaultServer, plugin_file: Path) -> Iterator[StartServer]:
    """Starts a server of the test's own, beside the one that all share.

    The plugin is registered there, unless ``bare=True``.
    """
    with contextlib.ExitStack() as started:

        def start(kind: type[VaultServer] = VaultServer, *, bare: bool = False) -> VaultServer:
            directory = Path(tempfile.mkdtemp(prefix="vs"))
            started.callback(shutil.rmtree, directory)
            running = started.enter_context(kind(server.binary, directory))
            if not bare:
                running.register(PLUGIN, plugin_file)
            return running

        yield start


@pytest.fixture
def ready(another: StartServer, plugin_file: Path) -> VaultServer:
    """A server with the plugin in its directory, and no more."""
    server = another(bare=True)
    server.place(file_name(VERSION), plugin_file)
    return server
