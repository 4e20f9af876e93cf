"""The requests that change a server, each also as an operator would type it."""

import shlex
from dataclasses import dataclass
from typing import Any

from scripts.registration.build import NAME, Build
from scripts.registration.server import Server


@dataclass(frozen=True)
class Command:
    """One request: as it is sent, and as it is typed."""

    method: str
    path: str
    body: dict[str, Any] | None
    typed: tuple[str, ...]
    root: bool = False  # the root namespace alone has it

    def run(self, server: Server) -> None:
        """Send it. Raises RefusedError or UnreachableError."""
        server.ask(self.method, self.path, self.body, root=self.root)

    def shown(self, program: str) -> str:
        """The same for the command line `program`."""
        return shlex.join((program, *self.typed))


def register(build: Build) -> Command:
    """Put the build into the catalog."""
    typed = (
        "plugin", "register", f"-sha256={build.sha256}", f"-command={build.command}",
        f"-version={build.version}", "secret", NAME,
    )  # fmt: skip
    body = {"sha256": build.sha256, "command": build.command, "version": build.version}
    return Command("POST", f"sys/plugins/catalog/secret/{NAME}", body, typed, root=True)


def enable(path: str, build: Build, description: str = "") -> Command:
    """Mount the build at `path`."""
    described = (f"-description={description}",) if description else ()
    version = f"-plugin-version={build.version}"
    typed = ("secrets", "enable", f"-path={path}", version, *described, NAME)
    config = {"plugin_version": build.version}
    body = {"type": NAME, "description": description, "config": config}
    return Command("POST", f"sys/mounts/{path}", body, typed)


def disable(path: str) -> Command:
    """Unmount `path`."""
    return Command("DELETE", f"sys/mounts/{path}", None, ("secrets", "disable", path))


def tune(path: str, version: str) -> Command:
    """Choose the version that `path` runs from its next start on."""
    typed = ("secrets", "tune", f"-plugin-version={version}", path)
    return Command("POST", f"sys/mounts/{path}/tune", {"plugin_version": version}, typed)


def reload(path: str) -> Command:
    """Start `path` anew, on every node.

    Typed as a write, since `vault plugin reload` passes over -mounts in the root namespace.
    """
    where = "sys/plugins/reload/backend"
    body = {"mounts": [f"{path}/"], "scope": "global"}
    return Command("POST", where, body, ("write", where, f"mounts={path}/", "scope=global"))
