"""What is, compared with what is wanted: the steps from one to the other."""

from dataclasses import replace

from scripts.registration import steps
from scripts.registration.build import NAME, Build, order
from scripts.registration.nodes import elsewhere
from scripts.registration.server import Node, RefusedError, Server
from scripts.registration.steps import Step

CATALOG = f"sys/plugins/catalog/secret/{NAME}"


class UnfitError(Exception):
    """What is wanted must not be done to this server; the text says why, and what instead."""


def registered(server: Server, version: str) -> Build | None:
    """The version in the server's catalog, None where it is not there."""
    try:
        entry = server.ask("GET", CATALOG, root=True, version=version)
    except RefusedError as refused:
        if refused.status == 404:
            return None
        raise
    return Build(version, entry["sha256"], entry["command"])


def known(server: Server, version: str) -> Build:
    """A version to go back to. Raises UnfitError where the catalog has it not."""
    found = registered(server, version)
    if found is not None:
        return found
    try:
        detailed = server.ask("GET", "sys/plugins/catalog", root=True)["detailed"]
    except RefusedError:
        raise UnfitError(f"{version} is not registered") from None
    others = sorted((e["version"] for e in detailed if e["name"] == NAME), key=order)
    raise UnfitError(f"{version} is not registered; registered: {', '.join(others) or 'none'}")


def named(server: Server, build: Build) -> Build:
    """The build with the file name the catalog has for it, if it has it."""
    entry = registered(server, build.version)
    if entry is None or entry.sha256 != build.sha256:
        return build
    return replace(build, command=entry.command)


def plan(server: Server, build: Build, paths: list[str], nodes: tuple[Node, ...]) -> list[Step]:
    """The steps that make every one of `paths` run `build`; none where all do.

    A build with a file is an installation or an upgrade, one without was registered before and may
    be older than what runs; either is `named`. Raises UnfitError, RefusedError, UnreachableError.
    """
    entry = registered(server, build.version)
    mounts: list[Step] = []
    switches: list[Step] = []
    for path in paths:
        found = server.mounted(path)
        if found is None:
            mounts.append(steps.mount(build, path, nodes))
            continue
        if found["type"] != NAME:
            raise UnfitError(
                f"{path}/ is a mount of type {found['type']!r}, not of {NAME}, and cannot become "
                "one: choose another --path. Where it is Pachyderm's own plugin, mount this one "
                "beside it, move the applications, then disable the old one"
            )
        chosen, running = found["plugin_version"], found["running_plugin_version"]
        if build.file and order(running) > order(build.version):
            raise UnfitError(
                f"{path}/ runs {running}, which is newer than the {build.version} of {build.file}; "
                f"to go back: --rollback {build.version}"
            )
        if chosen != build.version or any(elsewhere(server, path, build, nodes)):
            if not switches:
                switches.append(steps.try_out(build, f"{path}-trial", nodes))
            before = registered(server, running) if running not in ("", build.version) else None
            switches.append(steps.switch(build, path, nodes, chosen, before))
    starts = [*mounts, *switches]
    if entry and entry.sha256 == build.sha256:
        return starts
    if entry and starts:
        starts[0] = steps.or_else(starts[0], entry)
    return [steps.register(build, entry.sha256 if entry else ""), *starts]
