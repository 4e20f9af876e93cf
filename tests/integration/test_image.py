"""OpenBao takes the plugin out of its image, by the `plugin` stanza of its configuration."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from scripts import go
from scripts.bundle.executable.target import cpu, machine
from scripts.image import image
from tests.integration.kept_server import KeptServer
from tests.integration.mount import PLUGIN, Mount
from tests.integration.openbao import openbao
from tests.integration.register import NEWER, VERSION
from tests.integration.registry_server import Registry
from tests.pachd import PachdV2, Simulator

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [
    pytest.mark.skipif(not go.PRESENT, reason="Go is not on PATH"),
    pytest.mark.timeout(900),  # the first build fetches and compiles the registry
]

REPOSITORY = "pachyderm/plugin"


class Installing(KeptServer):
    """A server that installs the plugin by a stanza, written before it starts."""

    stanza = ""

    def config(self, listen: str) -> str:
        """Everything that is said on the command line of a dev server, and the stanza."""
        return f"""{super().config(listen)}
            plugin_auto_download = true
            plugin_auto_register = true
            {self.stanza}
        """

    def names(self, registry: Registry, file: Path, version: str) -> None:
        """Have the stanza name a version, with the sum of its file."""
        self.stanza += f"""
            plugin "secret" "{PLUGIN}" {{
              image       = "{registry.address}/{REPOSITORY}"
              version     = "{version}"
              binary_name = "{PLUGIN}"
              sha256sum   = "{hashlib.sha256(file.read_bytes()).hexdigest()}"
            }}
        """


@pytest.fixture(scope="module")
def registry(plugin_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    if not cpu(plugin_file):
        pytest.skip("the plugin is a zip, of which no image is made")
    folder = tmp_path_factory.mktemp("registry")
    program = go.build(Path(__file__).parent / "registry", folder / "registry")
    with Registry(program) as running:
        yield running


@pytest.fixture
def server() -> Iterator[Installing]:
    directory = Path(tempfile.mkdtemp(prefix="im"))
    yield Installing(openbao(), directory)
    shutil.rmtree(directory)


def pushed(registry: Registry, file: Path, version: str) -> None:
    registry.push(image([file], version.removeprefix("v")), f"{REPOSITORY}:{version}")


def test_an_image_of_both_cpus_is_valid(
    registry: Registry, plugin_file: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other"  # the same file, as if it were for the other CPU
    content = bytearray(plugin_file.read_bytes())
    content[18:20] = {"amd64": b"\xb7\0", "arm64": b"\x3e\0"}[machine()]
    other.write_bytes(content)
    registry.push(image([plugin_file, other], "1.2.3"), f"{REPOSITORY}:both")


def running(mount: Mount) -> str:
    mounts = mount.server.client().sys.list_mounted_secrets_engines()["data"]
    version: str = mounts[f"{mount.path}/"]["running_plugin_version"]
    return version


def test_it_is_installed_and_upgraded_with_leases_alive(
    registry: Registry, server: Installing, plugin_file: Path, newer_plugin_file: Path
) -> None:
    pushed(registry, plugin_file, VERSION)
    pushed(registry, newer_plugin_file, NEWER)
    server.names(registry, plugin_file, VERSION)
    with server, Simulator(PachdV2()) as pachd:
        server.enable(PLUGIN, "pachyderm")
        mount = Mount(server, "pachyderm", pachd)
        mount.configure()
        login, other = mount.login(), mount.login()
        assert running(mount) == VERSION

        server.stop()
        server.names(registry, newer_plugin_file, NEWER)  # beside the one that the mount runs
        server.start()
        assert running(mount) == VERSION
        assert mount.renew(login, increment=600) == 600

        server.client().sys.tune_mount_configuration("pachyderm", plugin_version=NEWER)
        mount.ask("PUT", "/v1/sys/plugins/reload/backend", {"mounts": ["pachyderm/"]})
        assert running(mount) == NEWER
        assert mount.renew(login, increment=600) == 600

        server.stop()
        server.stanza = ""
        server.names(registry, newer_plugin_file, NEWER)
        server.start()
        assert running(mount) == NEWER
        for lease in (login, other):
            mount.revoke(lease)
            assert not mount.alive(lease)
        assert mount.alive(mount.login())
