"""OpenBao takes the plugin out of its image, by the `plugin` stanza of its configuration."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
import signal
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from scripts import go
from scripts.bundle.executable.target import cpu, machine
from scripts.image import image
from tests.integration.kept_server import KeptServer
from tests.integration.mount import PLUGIN, Mount, Refused, eventually
from tests.integration.openbao import VaultServer, openbao
from tests.integration.register import NEWER, VERSION
from tests.integration.registry_server import Registry
from tests.pachd import PachdV2, Simulator

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [
    pytest.mark.skipif(not go.PRESENT, reason="Go is not on PATH"),
    pytest.mark.timeout(900),  # the first build fetches and compiles the registry
]

NOBODY = "127.0.0.1:1"  # no registry is there
REPOSITORY = "pachyderm/plugin"
FOR_OTHERS = "v1.2.3"  # an image that has nothing for the CPU of this machine
MISSING = "v9.9.9"
MISLABELLED = "v5.0.0"


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

    def reread(self) -> None:
        """Have it read the stanza again while it runs."""
        listen = self.address.removeprefix("http://")
        (self.directory / "config.hcl").write_text(self.config(listen))
        os.kill(self.pid, signal.SIGHUP)

    @property
    def registered(self) -> set[str]:
        """The versions of the plugin in the catalog."""
        catalog = self.http("GET", "/v1/sys/plugins/catalog")[1]["data"]["detailed"]
        return {plugin["version"] for plugin in catalog if plugin["name"] == PLUGIN}

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


def heads(folder: Path) -> dict[str, Path]:
    """By CPU, a file that has but an executable's head."""
    files = {}
    for arch, number in (("amd64", 62), ("arm64", 183)):  # e_machine of elf(5)
        files[arch] = folder / arch
        files[arch].write_bytes(b"\x7fELF".ljust(18, b"\0") + number.to_bytes(2, "little"))
    return files


@pytest.fixture(scope="module")
def offered(
    registry: Registry, plugin_file: Path, tmp_path_factory: pytest.TempPathFactory
) -> Registry:
    """The registry with the plugin's image, and that of a version for the other CPU alone."""
    files = heads(tmp_path_factory.mktemp("heads"))
    del files[machine()]
    registry.push(image([plugin_file], VERSION.removeprefix("v")), f"{REPOSITORY}:{VERSION}")
    others = image(list(files.values()), FOR_OTHERS.removeprefix("v"))
    registry.push(others, f"{REPOSITORY}:{FOR_OTHERS}")
    return registry


def test_an_image_of_both_cpus_is_valid(registry: Registry, tmp_path: Path) -> None:
    registry.push(image(list(heads(tmp_path).values()), "1.2.3"), f"{REPOSITORY}:both")


def test_docker_finds_a_valid_image_in_the_file(registry: Registry, tmp_path: Path) -> None:
    archive = tmp_path / "image.oci.tar"
    archive.write_bytes(image([heads(tmp_path)["amd64"]], "1.2.3"))
    registry.validate(archive)


def running(mount: Mount) -> str:
    mounts = mount.server.client().sys.list_mounted_secrets_engines()["data"]
    version: str = mounts[f"{mount.path}/"]["running_plugin_version"]
    return version


@contextlib.contextmanager
def installed(
    offered: Registry, server: Installing, plugin_file: Path, newer_plugin_file: Path
) -> Iterator[Mount]:
    """A mount of what `server` installed by its stanza; a newer version is in the registry."""
    newer = image([newer_plugin_file], NEWER.removeprefix("v"))
    offered.push(newer, f"{REPOSITORY}:{NEWER}")
    server.names(offered, plugin_file, VERSION)
    with server, Simulator(PachdV2()) as pachd:
        server.enable(PLUGIN, "pachyderm")
        mount = Mount(server, "pachyderm", pachd)
        mount.configure()
        yield mount


def upgrade(mount: Mount) -> None:
    """Have the mount run the newer version."""
    mount.server.client().sys.tune_mount_configuration(mount.path, plugin_version=NEWER)
    mount.ask("PUT", "/v1/sys/plugins/reload/backend", {"mounts": [f"{mount.path}/"]})
    assert running(mount) == NEWER


def test_it_is_installed_and_upgraded_with_leases_alive(
    offered: Registry, server: Installing, plugin_file: Path, newer_plugin_file: Path
) -> None:
    with installed(offered, server, plugin_file, newer_plugin_file) as mount:
        login, other = mount.login(), mount.login()
        assert running(mount) == VERSION

        server.stop()
        server.names(offered, newer_plugin_file, NEWER)  # beside the one that the mount runs
        server.start()
        assert running(mount) == VERSION
        assert mount.renew(login, increment=600) == 600

        upgrade(mount)
        assert mount.renew(login, increment=600) == 600

        server.stop()
        server.stanza = ""
        server.names(offered, newer_plugin_file, NEWER)
        server.stanza = server.stanza.replace(offered.address, NOBODY)  # not needed again
        server.start()
        assert running(mount) == NEWER
        for lease in (login, other):
            mount.revoke(lease)
            assert not mount.alive(lease)
        assert mount.alive(mount.login())


def test_a_mount_whose_version_lost_its_stanza_is_mended_with_its_leases(
    offered: Registry, server: Installing, plugin_file: Path, newer_plugin_file: Path
) -> None:
    with installed(offered, server, plugin_file, newer_plugin_file) as mount:
        login = mount.login()

        server.stanza = ""
        server.names(offered, newer_plugin_file, NEWER)  # in place of the one that the mount runs
        server.reread()
        eventually(lambda: server.registered == {NEWER})
        assert running(mount) == VERSION
        assert mount.renew(login, increment=60) == 60  # by the process that runs

        server.stop()
        server.start()
        with pytest.raises(Refused):
            mount.renew(login)
        assert mount.alive(login)

        upgrade(mount)
        assert mount.renew(login, increment=60) == 60
        mount.revoke(login)
        assert not mount.alive(login)


def test_a_version_that_is_not_the_files_keeps_a_server_from_service(
    offered: Registry, server: Installing, plugin_file: Path
) -> None:
    offered.push(image([plugin_file], MISLABELLED.removeprefix("v")), f"{REPOSITORY}:{MISLABELLED}")
    mismatch = f"reported version ({VERSION}) did not match requested version ({MISLABELLED})"
    with server:
        server.stop()
        server.stanza = 'plugin_download_behavior = "continue"'
        server.names(offered, plugin_file, MISLABELLED)
        VaultServer.start(server)
        server.give_key()
        eventually(lambda: server.log_path.read_text().count(mismatch) > 1)
        assert server.http("GET", "/v1/sys/health")[0] == 429  # a standby

        server.kill9()
        server.stanza = ""
        server.names(offered, plugin_file, VERSION)
        server.start()
        assert server.registered == {VERSION}


@pytest.mark.parametrize(
    ("version", "was", "becomes", "says"),
    [
        (VERSION, r'sum   = ".{8}', 'sum   = "00000000', "plugin hash mismatch: expected 00000000"),
        (VERSION, r'sum   = "..', 'sum   = "', "sha256sum must be exactly 64 characters"),
        (VERSION, r"127\.0\.0\.1:\d+", NOBODY, "connect: connection refused"),
        (MISSING, "", "", f"manifests/{MISSING}: MANIFEST_UNKNOWN"),
        (FOR_OTHERS, "", "", f"no child with platform linux/{machine()} in index"),
    ],
    ids=["another sum", "no sum", "no registry", "no such tag", "another CPU"],
)
def test_a_server_that_does_not_get_it_says_why_and_ends(
    offered: Registry,
    server: Installing,
    plugin_file: Path,
    version: str,
    was: str,
    becomes: str,
    says: str,
) -> None:
    server.names(offered, plugin_file, version)
    server.stanza = re.sub(was, becomes, server.stanza, count=1) if was else server.stanza
    with pytest.raises(RuntimeError, match=re.escape(says)), server:
        pass
    assert not list(server.plugin_directory.rglob(f"*{PLUGIN}*"))
