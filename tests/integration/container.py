"""A server in a container: an image of Vault or OpenBao with the plugin inside."""

from __future__ import annotations

import contextlib
import os
import subprocess
import threading
import time
from pathlib import Path
from typing import IO, TYPE_CHECKING, Self

import docker.errors
import requests
from testcontainers.core.container import DockerContainer
from testcontainers.core.docker_client import DockerClient
from testcontainers.core.image import DockerImage

from tests.integration.mount import PLUGIN
from tests.integration.openbao import VaultServer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from docker.models.containers import Container

ROOT = Path(__file__).resolve().parents[2]
BUILT_INSIDE = f"/usr/local/lib/vault-plugins/{PLUGIN}"
PING_SECONDS = 5
SERVER = "$(command -v vault || command -v bao)"


def wanted() -> str:
    """The image to test on, from ``VAULT_IMAGE``; "" where none is asked for."""
    return os.environ.get("VAULT_IMAGE", "")


def absence() -> str:
    """Why there is no container to test on; "" where there is one."""
    if not wanted():
        return "VAULT_IMAGE is not set"
    try:
        daemon = DockerClient(timeout=PING_SECONDS).client
        with contextlib.closing(daemon):
            daemon.ping()
    except (docker.errors.DockerException, requests.RequestException) as error:
        return f"VAULT_IMAGE is {wanted()}, but the Docker daemon does not answer: {error}"
    return ""


@contextlib.contextmanager
def image(base: str) -> Iterator[str]:
    """Build the root ``Dockerfile`` on `base`; its id, for as long as the context lasts."""
    with DockerImage(path=ROOT, buildargs={"BASE": base}) as built:
        yield str(built)


class ContainerProcess:
    """The server's process in a container, handled as a `subprocess.Popen` is."""

    def __init__(self, container: Container, output: IO[bytes]) -> None:
        self._container = container
        self._container.reload()
        self.pid: int = container.attrs["State"]["Pid"]
        descriptor = os.dup(output.fileno())
        threading.Thread(target=self._copy_log, args=(descriptor,), daemon=True).start()

    def _copy_log(self, descriptor: int) -> None:
        with os.fdopen(descriptor, "wb", buffering=0) as output:
            for piece in self._container.logs(stream=True, follow=True):
                output.write(piece)

    def poll(self) -> int | None:
        self._container.reload()
        state = self._container.attrs["State"]
        return None if state["Running"] else state["ExitCode"]

    def terminate(self) -> None:
        self._signal("SIGTERM")

    def kill(self) -> None:
        self._signal("SIGKILL")

    def _signal(self, name: str) -> None:
        with contextlib.suppress(docker.errors.APIError):  # it has ended
            self._container.kill(signal=name)

    def wait(self, timeout: float | None = None) -> int:
        """The exit code. Raises TimeoutExpired after `timeout` seconds."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while (code := self.poll()) is None:
            if deadline is not None and time.monotonic() > deadline:
                raise subprocess.TimeoutExpired("container", timeout or 0)
            time.sleep(0.05)
        return code


class ContainerServer(VaultServer):
    """A dev server in a container of `image`, with this machine's network, processes and user.

    So the plugin reaches the simulators on loopback, and tests find its process. `directory` is the
    same path inside. `binary` is the image's, copied out: what starts a server of its own or types
    a command does so on this machine.
    """

    def __init__(self, image: str, directory: Path) -> None:
        super().__init__(directory / "bin", directory)
        self._container = DockerContainer(image).with_volume_mapping(
            directory, str(directory), "rw"
        )
        self._container.with_kwargs(
            network="host",
            pid_mode="host",
            user=f"{os.getuid()}:{os.getgid()}",
            cap_add=["IPC_LOCK"],  # images whose binary has that capability do not run without
            entrypoint=["/bin/sh", "-c", f'exec "{SERVER}" "$@"', "sh"],
        )

    def __enter__(self) -> Self:
        super().__enter__()
        self.binary.mkdir()
        self._inside(f'cp "{SERVER}" "$1"', str(self.binary))
        (self.binary,) = self.binary.iterdir()
        return self

    def launch(self, arguments: list[str], output: IO[bytes]) -> ContainerProcess:
        """Start the container."""
        inside = {name: text for name, text in self.environment().items() if name != "PATH"}
        self._container.with_envs(**inside).with_command(arguments).start()
        return ContainerProcess(self._container.get_wrapped_container(), output)

    def stop(self) -> None:
        """End and remove the container."""
        try:
            super().stop()
        finally:
            self._container.stop()

    def place(self, name: str, file: Path) -> None:
        """Put the image's own plugin into the plugin directory in the place of `file`.

        Anything else goes as it is.
        """
        if file.name == PLUGIN:
            self._inside('cp "$1" "$2"', BUILT_INSIDE, str(self.plugin_directory / name))
        else:
            super().place(name, file)

    def _inside(self, script: str, *arguments: str) -> None:
        """Run a line of shell in the container."""
        code, told = self._container.exec(["/bin/sh", "-c", script, "sh", *arguments])
        assert code == 0, told.decode(errors="replace")
