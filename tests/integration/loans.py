"""An engine that lends leases of the type that a file names, and cannot be made without it."""

import sys
from pathlib import Path
from typing import Any

from shim import (
    NAME,
    Action,
    Backend,
    Field,
    Lease,
    LeaseType,
    Operation,
    Request,
    Response,
    Unrecoverable,
    UserError,
    serve,
)
from shim import Path as Route


def backend(file: Path) -> Backend:
    """What one mount of it is. Raises RuntimeError where `file` is none."""
    if not file.exists():
        raise RuntimeError("no pears.conf beside the plugin")
    kind = file.read_text()

    async def lend(request: Request) -> Response:
        kept = {"end": request.fields["end"]}
        return Response(data={}, lease=Lease(type=kind, ttl=600, internal=kept))

    async def confuse(_: Request) -> Any:
        return {"key": "hvs.secret"}

    async def renew(request: Request) -> Response:
        return Response(lease=request.lease)

    async def revoke(request: Request) -> None:
        assert request.lease is not None
        match request.lease.internal["end"]:
            case "never":
                raise Unrecoverable("it is lost")
            case "later":
                raise UserError("ask again")

    return Backend(
        title="Loans",
        description="Lends.",
        paths=[
            Route(
                template="loan/{end}",
                synopsis="A loan.",
                description="For ten minutes; its end comes well, never, or later.",
                fields={"end": Field(kind=NAME, description="How it is taken back.")},
                operations={Operation.READ: Action(handler=lend, summary="Lend")},
            ),
            Route(
                template="confusion",
                synopsis="No answer.",
                description="A handler that gives no Response.",
                operations={Operation.READ: Action(handler=confuse, summary="Confuse")},
            ),
        ],
        lease_types=[LeaseType(name=kind, renew=renew, revoke=revoke)],
    )


if __name__ == "__main__":
    serve(lambda: backend(Path(sys.argv[1])), name="loans", version="0.1.0")
