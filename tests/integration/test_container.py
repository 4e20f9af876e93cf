"""How the suite comes to test in a container, with a Docker daemon that runs plain processes.

No image is built here: what the Dockerfile does on Alpine and on UBI is not proved by this.
"""

from __future__ import annotations

import gc
import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from testcontainers.core.config import testcontainers_config

from tests.integration import container
from tests.integration.container import ContainerServer
from tests.integration.fake_docker import FakeDocker
from tests.integration.mount import PLUGIN, Mount
from tests.integration.openbao import openbao
from tests.pachd import PachdV2, Simulator

if TYPE_CHECKING:
    from collections.abc import Iterator

# Docker's client leaves sockets to the garbage collector, which says so.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture(autouse=True)
def collected() -> Iterator[None]:
    """What the client left is collected here, not in the midst of another test."""
    yield
    gc.collect()


@pytest.fixture
def directory() -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(prefix="fd"))
    yield made
    shutil.rmtree(made)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch, directory: Path) -> pytest.MonkeyPatch:
    """An image is asked for; the daemon is to be at ``docker.sock`` in the directory."""
    monkeypatch.setenv("VAULT_IMAGE", "hashicorp/vault:1.20")
    monkeypatch.setenv("DOCKER_HOST", f"unix://{directory}/docker.sock")
    return monkeypatch


@pytest.fixture
def daemon(directory: Path, asked: pytest.MonkeyPatch) -> Iterator[FakeDocker]:
    """A daemon whose image holds OpenBao."""
    asked.setattr(testcontainers_config, "ryuk_disabled", True)
    path = f"{openbao().parent}:{os.environ['PATH']}"
    with FakeDocker(directory, {"PATH": path}) as running:
        yield running


def test_without_an_image_there_is_no_container(asked: pytest.MonkeyPatch) -> None:
    asked.delenv("VAULT_IMAGE")
    assert container.absence() == "VAULT_IMAGE is not set"


def test_without_a_daemon_the_reason_names_the_image(asked: pytest.MonkeyPatch) -> None:
    told = "VAULT_IMAGE is hashicorp/vault:1.20, but the Docker daemon does not answer: "
    assert container.absence().startswith(told)


def test_a_daemon_that_fails_does_not_count(directory: Path, asked: pytest.MonkeyPatch) -> None:
    with FakeDocker(directory, broken=True):
        assert "the Docker daemon does not answer" in container.absence()


def test_a_daemon_that_answers_is_used(daemon: FakeDocker) -> None:
    assert container.absence() == ""


def test_the_container_shares_network_processes_and_directory(
    daemon: FakeDocker, directory: Path, plugin_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(container, "BUILT_INSIDE", str(plugin_file))
    elsewhere = directory / PLUGIN
    elsewhere.write_text("built for this machine")
    with Simulator(PachdV2()) as pachd, ContainerServer("image", directory / "s") as server:
        host = daemon.created["HostConfig"]
        assert (host["NetworkMode"], host["PidMode"]) == ("host", "host")
        assert host["Binds"] == [f"{server.directory}:{server.directory}:rw"]
        assert daemon.created["User"] == f"{os.getuid()}:{os.getgid()}"
        assert server.binary.read_bytes() == openbao().read_bytes()
        server.register(PLUGIN, elsewhere)
        assert (server.plugin_directory / PLUGIN).read_bytes() == plugin_file.read_bytes()
        with Mount(server, "pachyderm", pachd) as mount:
            mount.configure()
            killed = server.kill_plugin(PLUGIN)
            assert mount.alive(mount.login())
            assert server.plugin_pids(PLUGIN) != [killed]
    assert "core: vault is unsealed" in server.log_path.read_text()
    assert daemon.process is not None
    assert daemon.process.returncode == 0
    assert daemon.removed
