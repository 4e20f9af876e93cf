"""An engine with a path that hangs: it stops the one thread there is."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from shim import Action, Backend, Operation, Response, serve
from shim import Path as Route

if TYPE_CHECKING:
    from shim import Request


async def _awake(_: Request) -> Response:
    return Response(data={"awake": True})


async def _hang(_: Request) -> Response:
    time.sleep(600)  # noqa: ASYNC251  that is the mistake
    return Response()


def backend() -> Backend:
    """What one mount of it is."""
    return Backend(
        title="Sleeper",
        description="Sleeps.",
        paths=[
            Route(
                template=name,
                synopsis=summary,
                description=summary,
                operations={Operation.READ: Action(handler=handler, summary=summary)},
            )
            for name, summary, handler in (
                ("awake", "Whether it is awake.", _awake),
                ("hang", "Sleep with the event loop.", _hang),
            )
        ],
    )


if __name__ == "__main__":
    serve(backend, name="sleeper", version="v0.1.0")
