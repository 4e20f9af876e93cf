"""``version``: of the engine and of pachd."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shim import STRING, Action, Field, Operation, Path, Response
from vault_plugin import VERSION

if TYPE_CHECKING:
    from shim import Request
    from vault_plugin.mount import Mount

CLIENT = Field(kind=STRING, description="The version of this engine.")
SERVER = Field(kind=STRING, description="The version of the pachd in config.")


def path(mount: Mount) -> Path:
    """Both versions, pachd's asked anew each time."""

    @mount.retried
    async def read(request: Request) -> Response:
        api = await (await mount.session(request.storage)).api()
        return Response(data={"client-version": VERSION, "server-version": await api.version()})

    return Path(
        template="version",
        synopsis="The versions of this engine and of pachd.",
        description="Asks pachd for its version, which needs no token: a first look whether the"
        " cluster is reached.",
        operations={
            Operation.READ: Action(
                handler=read,
                summary="Read both versions",
                answers={"client-version": CLIENT, "server-version": SERVER},
            )
        },
    )


def client_only() -> Path:
    """The engine's version alone."""

    async def read(request: Request) -> Response:
        del request
        return Response(data={"client-version": VERSION})

    return Path(
        template="version/client-only",
        synopsis="The version of this engine.",
        description="Answers without asking pachd, and without a configuration.",
        operations={
            Operation.READ: Action(
                handler=read, summary="Read the version", answers={"client-version": CLIENT}
            )
        },
    )
