"""What each node of the cluster runs, as far as it can be asked."""

import time
from collections.abc import Iterator
from contextlib import suppress

from scripts.registration.build import Build
from scripts.registration.link import UnreachableError
from scripts.registration.server import Node, Server

SETTLE_SECONDS = 20.0  # for the other nodes to follow the active one


class FailedError(Exception):
    """A step did not reach what it is for; the text says what stands now."""


def demand(server: Server, path: str, build: Build, nodes: tuple[Node, ...]) -> None:
    """Wait until every node that can be asked runs `build` at `path`. Raises FailedError."""
    deadline = time.monotonic() + SETTLE_SECONDS
    while wrong := list(elsewhere(server, path, build, nodes)):
        if time.monotonic() > deadline:
            raise FailedError("; ".join(wrong))
        time.sleep(0.2)


def elsewhere(server: Server, path: str, build: Build, nodes: tuple[Node, ...]) -> Iterator[str]:
    """Name each node that does not run `build` at `path`, with what it runs instead."""
    held = {server.address: server.mounted(path) or {}}
    for node in _standbys(nodes):
        with suppress(UnreachableError):
            itself = server.mounted_at(node, path)
            if itself is not None:
                held[node.address] = itself
    for address, mounted in held.items():
        if mounted.get("running_sha256") != build.sha256:
            runs = mounted.get("running_plugin_version") or "no plugin"
            yield (
                f"{address} runs {runs} at {path}/, not {build.version}: its plugin_directory must "
                f"hold {build.command} with sha256 {build.sha256}"
            )


def unchecked(server: Server, path: str, nodes: tuple[Node, ...]) -> Iterator[str]:
    """Name each node of which nobody knows whether it could run what is at `path`, and why."""
    if not nodes:
        yield "the other nodes, where there are any: the token may not list them (sys/ha-status)"
    for node in _standbys(nodes):
        try:
            if server.mounted_at(node, path) is None:
                yield f"{node.address} stands by, and runs no plugin until it becomes active"
        except UnreachableError as unreached:
            yield str(unreached)


def _standbys(nodes: tuple[Node, ...]) -> Iterator[Node]:
    return (node for node in nodes if not node.active)
