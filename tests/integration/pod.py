"""A pod of Kubernetes, as far as one can be made without: containers that share a volume.

A container is a root directory that nobody can write to, a user, and no right: no capability, and
none to be gained. What no container of a test has: a filter of system calls, limits of resources.
"""

from __future__ import annotations

import os
import subprocess
from typing import IO, TYPE_CHECKING, NamedTuple

import pytest

from tests.integration import roots
from tests.integration.kept_server import KeptServer
from tests.unit.process.namespaces import own_mounts

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.openbao import Process

NOBODY = 65534  # of our image, and of its init container
SERVER, GROUP = 100, 1000  # whom both charts run the server as; their fsGroup
#: chroot(1) needs these to become another user, who then has none
_FOR_CHROOT = "-all,+sys_chroot,+setuid,+setgid,+dac_read_search"


class Volume(NamedTuple):
    """A folder of this machine, and where a container has it."""

    here: Path
    there: str
    read_only: bool = False


def container(root: Path, user: int, group: int, *volumes: Volume) -> list[str]:
    """What to put before a command that shall run in a container of the image in `root`.

    Skips the test where the machine does not allow it.
    """
    if os.getuid() != 0:
        pytest.skip("only root may become another user")
    mounts = [f"mount --bind {root} {root}", f"mount --bind /dev/null {root}/dev/null"]
    for volume in volumes:
        place = f"{root}{volume.there}"
        mounts += [f"[ -e {place} ] || mkdir -p {place}", f"mount --bind {volume.here} {place}"]
        if volume.read_only:
            mounts.append(f"mount -o remount,bind,ro {place}")
    mounts += [f"mount --rbind /proc {root}/proc", f"mount -o remount,bind,ro {root}"]
    return [
        *own_mounts("\n".join(mounts)),
        *("setpriv", "--no-new-privs", "--inh-caps=-all", f"--bounding-set={_FOR_CHROOT}"),
        *("chroot", f"--userspec={user}:{group}", f"--groups={GROUP}", str(root)),
    ]


def empty_dir(folder: Path) -> None:
    """Make `folder` as the kubelet makes a volume of the kind emptyDir in a pod with an fsGroup."""
    folder.mkdir(exist_ok=True)
    os.chown(folder, 0, GROUP)
    folder.chmod(0o2777)


class PodServer(KeptServer):
    """A server of the charts' user in a root of musl, its plugins in a volume it cannot write to.

    Its plugin directory is that volume, its own directory that of a volume claim.
    """

    def start(self) -> None:
        """Start it, in a directory of its user."""
        root = self.directory / "root"
        if not root.exists():
            roots.musl(root)
            (root / "bin/server").touch()
            empty_dir(self.plugin_directory)
        super().start()

    def launch(self, arguments: list[str], output: IO[bytes]) -> Process:
        """Start the container."""
        for owned in (self.directory, self.data, self.directory / "tmp"):
            os.chown(owned, SERVER, GROUP)
        root = self.directory / "root"
        own, plugins = str(self.directory), str(self.plugin_directory)
        command = container(
            root,
            SERVER,
            GROUP,
            Volume(self.binary, "/bin/server"),
            Volume(self.directory, own),
            Volume(self.plugin_directory, plugins, read_only=True),
        )
        return subprocess.Popen(
            [*command, "/bin/server", *arguments],
            stdout=output,
            stderr=output,
            stdin=subprocess.DEVNULL,
            env=self.environment(),
            start_new_session=True,
        )
