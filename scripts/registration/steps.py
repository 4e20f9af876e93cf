"""What can be done to a server, each step with its reason and the commands it stands for."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from scripts.registration import commands
from scripts.registration.build import NAME, Build
from scripts.registration.commands import Command
from scripts.registration.link import UnreachableError
from scripts.registration.nodes import FailedError, demand
from scripts.registration.server import Node, RefusedError, Server

TRIAL = "Trial of a version before an upgrade; may be disabled"


@dataclass(frozen=True)
class Step:
    """One step: what it does, what for, what it sends, and how it is run.

    `run` raises RefusedError, UnreachableError or FailedError.
    """

    what: str
    why: str
    commands: tuple[Command, ...]
    run: Callable[[Server], None]


def register(build: Build, instead_of: str) -> Step:
    """Put the build into the catalog; `instead_of` is its version's sha256 there, "" for none."""
    command = commands.register(build)
    why = f"so that the server runs the file {build.command}, with this sha256 alone"
    if instead_of:
        why += (
            f"; {build.version} is registered with {instead_of} until now, to which there is no "
            "way back: better give each build its own version"
        )
    return Step(f"register {NAME} {build.version}", why, (command,), command.run)


def try_out(build: Build, path: str, nodes: tuple[Node, ...]) -> Step:
    """Run the build at a path of its own.

    The server accepts the registration of a file that is missing or has another sha256, and a
    reload that fails leaves the mount without a plugin. So this comes before a mount in use.
    """
    begin, end = commands.enable(path, build, TRIAL), commands.disable(path)

    def run(server: Server) -> None:
        left = server.mounted(path)
        if left and left["description"] == TRIAL:  # by a run that was broken off
            end.run(server)
        begin.run(server)
        try:
            demand(server, path, build, nodes)
        except BaseException as failure:  # a run that is broken off unmounts it, too
            try:
                end.run(server)
            except (RefusedError, UnreachableError) as left:
                raise FailedError(f"{failure}; {path}/ is still mounted: {left}") from None
            raise
        end.run(server)

    why = "to see it start on every node before a mount in use depends on it"
    return Step(f"try {build.version} at {path}/ and unmount it again", why, (begin, end), run)


def mount(build: Build, path: str, nodes: tuple[Node, ...]) -> Step:
    """Mount the build where nothing is."""
    command = commands.enable(path, build)

    def run(server: Server) -> None:
        command.run(server)
        demand(server, path, build, nodes)

    why = "nothing is mounted there yet"
    return Step(f"mount {build.version} at {path}/", why, (command,), run)


def switch(
    build: Build, path: str, nodes: tuple[Node, ...], chosen: str, before: Build | None
) -> Step:
    """Have a mount run the build; where that fails, what it ran before.

    `chosen` is the version the mount is told to run, `before` the one it runs, None where there
    is no way back: it runs none, this one, or one that is registered no more.
    """
    tuning = (commands.tune(path, build.version),) if chosen != build.version else ()
    sent = (*tuning, commands.reload(path))

    def run(server: Server) -> None:
        try:
            for command in sent:
                command.run(server)
            demand(server, path, build, nodes)
        except (RefusedError, FailedError) as failure:
            stands = back(server, before) if before else left(server, path, failure)
            raise FailedError(f"{failure}{stands}") from None

    def back(server: Server, before: Build) -> str:
        """Go back to `before`, and tell what stands then."""
        try:
            commands.tune(path, before.version).run(server)
            commands.reload(path).run(server)
            demand(server, path, before, nodes)
        except (RefusedError, UnreachableError, FailedError) as again:
            stands = left(server, path, again)
            return f"; the way back to {before.version} fails: {again}{stands}"
        return f"; {path}/ is back on {before.version}"

    what = f"start {build.version} anew at {path}/"
    if before:
        what = f"switch {path}/ from {before.version} to {build.version}"
    why = "configuration, roles, leases and tokens stay; a request waits while the plugin starts"
    return Step(what, why, sent, run)


def or_else(step: Step, registered: Build) -> Step:
    """Take the step, the first to start a rebuilt version; where it fails, register the old build.

    What still runs the old build must match the catalog's sha256 when it starts next.
    """

    def run(server: Server) -> None:
        try:
            step.run(server)
        except (RefusedError, FailedError) as failure:
            old = f"the old {registered.version}, {registered.sha256},"
            try:
                commands.register(registered).run(server)
            except (RefusedError, UnreachableError) as again:
                raise FailedError(f"{failure}; {old} is not registered again: {again}") from None
            raise FailedError(f"{failure}; {old} is registered again") from None

    return replace(step, run=run)


def left(server: Server, path: str, failure: Exception) -> str:
    """What a failure leaves of a mount, "" where it tells that itself.

    After a reload that is refused, the server goes on to list the version that ran before.
    """
    reload = commands.reload(path)
    if not isinstance(failure, RefusedError) or failure.path != reload.path:
        return ""
    if failure.status in (401, 403):  # not begun
        return ""
    return f"; {path}/ has no plugin now: mend this, then {reload.shown(server.program)}"
