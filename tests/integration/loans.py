"""An engine that lends leases of the type that a file names, and cannot be made without it."""

import sys
from pathlib import Path

from shim import Action, Backend, Lease, LeaseType, Operation, Request, Response, serve
from shim import Path as Route

ROOT = Path(__file__).resolve().parents[2]


def launcher(directory: Path) -> Path:
    """A file in `directory` that runs this one as a plugin; ``type`` beside it names the type."""
    file = directory / "loans"
    file.write_text(
        f'#!/bin/sh\nPYTHONPATH="{ROOT}" exec "{sys.executable}" "{__file__}" "{directory}/type"\n'
    )
    file.chmod(0o755)
    return file


def backend(file: Path) -> Backend:
    """What one mount of it is. Raises RuntimeError where `file` is none."""
    if not file.exists():
        raise RuntimeError("no pears.conf beside the plugin")
    kind = file.read_text()

    async def lend(_: Request) -> Response:
        return Response(data={}, lease=Lease(type=kind, ttl=600))

    async def renew(request: Request) -> Response:
        return Response(lease=request.lease)

    async def revoke(_: Request) -> None:
        pass

    return Backend(
        title="Loans",
        description="Lends.",
        paths=[
            Route(
                template="loan",
                synopsis="A loan.",
                description="For ten minutes.",
                operations={Operation.READ: Action(handler=lend, summary="Lend")},
            )
        ],
        lease_types=[LeaseType(name=kind, renew=renew, revoke=revoke)],
    )


if __name__ == "__main__":
    serve(lambda: backend(Path(sys.argv[1])), name="loans", version="0.1.0")
