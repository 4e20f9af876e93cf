"""The init container as it will run, and the server of its pod: upgrade and way back."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.integration import roots
from tests.integration.mount import PLUGIN, Login, Mount, eventually
from tests.integration.pod import NOBODY, PodServer, Volume, container, empty_dir
from tests.integration.register import NEWER, VERSION, file_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.integration.conftest import StartServer
    from tests.integration.openbao import VaultServer
    from tests.pachd import PachdV2, Simulator

BETWEEN = "/plugins"  # where examples/kubernetes mounts the volume
AT_ONCE = 3  # of each version


class Image:
    """The image: a root with nothing but the file, which is its entry point."""

    def __init__(self, file: Path, root: Path) -> None:
        roots.needs_nothing(file)
        roots.empty(root)
        (root / BETWEEN.lstrip("/")).mkdir()
        shutil.copy(file, root / PLUGIN)
        self.root = root
        self.sha256 = hashlib.sha256(file.read_bytes()).hexdigest()

    def init(self, volume: Path, folder: str = BETWEEN) -> subprocess.CompletedProcess[str]:
        """Run the init container in a pod with `volume`."""
        command = container(self.root, NOBODY, NOBODY, Volume(volume, BETWEEN))
        return subprocess.run(
            [*command, f"/{PLUGIN}", "--install", folder],
            env={"PATH": os.environ["PATH"]},
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture
def images(plugin_file: Path, newer_plugin_file: Path) -> Iterator[list[Image]]:
    """Of the old version and of the new one."""
    with tempfile.TemporaryDirectory(prefix="im") as folder:
        yield [
            Image(file, Path(folder, name))
            for name, file in (("old", plugin_file), ("new", newer_plugin_file))
        ]


@pytest.fixture
def volume() -> Iterator[Path]:
    """An empty volume of a pod."""
    with tempfile.TemporaryDirectory(prefix="vo") as folder:
        empty_dir(Path(folder))
        yield Path(folder)


def test_a_container_has_no_right_and_a_root_that_is_read_only(volume: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="im") as folder:
        root = Path(folder, "root")
        roots.musl(root)
        shell = [*container(root, NOBODY, NOBODY, Volume(volume, BETWEEN)), "/bin/sh", "-c"]
        [busybox] = root.glob("**/bin/busybox")
        said = subprocess.run(
            [*shell, f"/{busybox.relative_to(root)} cat /proc/self/status; echo > /written"],
            capture_output=True,
            text=True,
            check=False,
        )
    status = dict(line.split(":\t", 1) for line in said.stdout.splitlines())
    assert set(status["Uid"].split()) == set(status["Gid"].split()) == {str(NOBODY)}
    assert status["NoNewPrivs"] == "1"
    assert {int(status[f"Cap{which}"], 16) for which in ("Inh", "Prm", "Eff", "Amb")} == {0}
    assert "Read-only file system" in said.stderr


def test_it_installs_into_the_volume_and_writes_nowhere_else(
    images: list[Image], volume: Path
) -> None:
    old, _ = images
    done = old.init(volume)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"sha256 {old.sha256}\n" in done.stdout
    (file,) = volume.iterdir()
    assert file.name == file_name(VERSION)
    assert hashlib.sha256(file.read_bytes()).hexdigest() == old.sha256
    assert file.stat().st_mode & 0o7777 == 0o755
    assert file.stat().st_uid == NOBODY
    refused = old.init(volume, "/")
    assert refused.returncode == 1
    assert "Read-only file system" in refused.stderr


def test_both_versions_at_once_into_one_volume(images: list[Image], volume: Path) -> None:
    with ThreadPoolExecutor(2 * AT_ONCE) as pool:
        done = list(pool.map(lambda image: image.init(volume), images * AT_ONCE))
    for image, one in zip(images * AT_ONCE, done, strict=True):
        assert (one.returncode, one.stderr) == (0, "")
        assert f"sha256 {image.sha256}\n" in one.stdout
    installed = {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in volume.iterdir()}
    assert installed == {
        file_name(version): image.sha256
        for version, image in zip((VERSION, NEWER), images, strict=True)
    }


@pytest.fixture
def mount(another: StartServer, images: list[Image], v2: Simulator[PachdV2]) -> Mount:
    """A mount of the old version in a pod whose init container installed it, configured."""
    server = another(PodServer, bare=True)
    old, _ = images
    assert old.init(server.plugin_directory).returncode == 0
    register(server, VERSION, old)
    server.enable(PLUGIN, "pachyderm", plugin_version=VERSION)
    mount = Mount(server, "pachyderm", v2)
    mount.configure()
    return mount


def register(server: VaultServer, version: str, image: Image) -> None:
    body = {"command": file_name(version), "sha256": image.sha256, "version": version}
    status, answer = server.http("POST", f"/v1/sys/plugins/catalog/secret/{PLUGIN}", body)
    assert status in (200, 204), answer


def reload(server: VaultServer) -> None:
    body = {"mounts": ["pachyderm/"]}
    status, answer = server.http("POST", "/v1/sys/plugins/reload/backend", body)
    assert status in (200, 202, 204), answer


def made_anew(server: VaultServer, images: list[Image]) -> None:
    """Delete the pod and wait for the next, whose init containers are of `images`."""
    server.stop()
    for file in server.plugin_directory.iterdir():
        file.unlink()
    for image in images:
        assert image.init(server.plugin_directory).returncode == 0
    server.start()


def answers(mount: Mount) -> bool:
    return mount.server.http("GET", "/v1/pachyderm/version/client-only")[0] == 200


def runs(mount: Mount, version: str, lease: Login) -> None:
    """Hold when the mount runs `version` and `lease` goes on, also when the plugin is killed."""
    for _ in range(2):
        eventually(lambda: answers(mount))  # a moment after a kill it may not
        assert f"v{mount.read('version/client-only')['client-version']}" == version
        assert mount.renew(lease, increment=60) == 60
        assert mount.alive(lease)
        mount.server.kill_plugin(file_name(version))


def test_the_old_version_comes_back_while_the_new_one_is_installed(
    mount: Mount, images: list[Image]
) -> None:
    folder = mount.server.plugin_directory
    lease = mount.login()
    (plugin,) = mount.server.plugin_pids(PLUGIN)
    for process in (plugin, mount.server.pid):
        mounted = Path(f"/proc/{process}/mounts").read_text().splitlines()
        [options] = [line.split()[3] for line in mounted if line.split()[1] == str(folder)]
        assert "ro" in options.split(",")
    with ThreadPoolExecutor() as pool:
        installing = [pool.submit(image.init, folder) for image in images]
        mount.server.kill_plugin(file_name(VERSION))
        runs(mount, VERSION, lease)
    assert [one.result().returncode for one in installing] == [0, 0]
    assert {path.name for path in folder.iterdir()} == {file_name(VERSION), file_name(NEWER)}
    runs(mount, VERSION, lease)


def test_an_upgrade_and_the_way_back_through_pods_that_are_made_anew(
    mount: Mount, images: list[Image]
) -> None:
    server = mount.server
    _, new = images
    lease = mount.login()
    made_anew(server, images)
    runs(mount, VERSION, lease)

    register(server, NEWER, new)
    tune = {"plugin_version": NEWER}
    assert server.http("POST", "/v1/sys/mounts/pachyderm/tune", tune)[0] == 204
    reload(server)
    runs(mount, NEWER, lease)
    made_anew(server, [new])  # the old one is no longer listed
    runs(mount, NEWER, lease)

    made_anew(server, images)
    tune = {"plugin_version": VERSION}
    assert server.http("POST", "/v1/sys/mounts/pachyderm/tune", tune)[0] == 204
    reload(server)
    runs(mount, VERSION, lease)


def test_a_pod_without_the_version_that_the_mount_runs_is_mended_by_its_init_container(
    mount: Mount, images: list[Image]
) -> None:
    server = mount.server
    old, new = images
    lease = mount.login()
    made_anew(server, [new])
    assert not answers(mount)
    assert mount.alive(lease)
    assert old.init(server.plugin_directory).returncode == 0
    reload(server)
    runs(mount, VERSION, lease)
