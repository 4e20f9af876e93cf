"""An engine that refuses for good to revoke what another engine leased."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shim import Backend, LeaseType, Unrecoverable, UnsupportedOperation, serve
from vault_plugin import VERSION
from vault_plugin.token_lease import NAME

if TYPE_CHECKING:
    from shim import Request, Response


async def _renew(_: Request) -> Response:
    raise UnsupportedOperation


async def _revoke(_: Request) -> None:
    raise Unrecoverable("it is refused for good")  # so that the host gives up at once


def backend() -> Backend:
    """What one mount of it is."""
    return Backend(
        title="Refuser",
        description="Refuses.",
        paths=[],
        lease_types=[LeaseType(name=NAME, renew=_renew, revoke=_revoke)],
    )


if __name__ == "__main__":
    serve(backend, name="refuser", version=f"v{VERSION}")  # as that whose place it takes
