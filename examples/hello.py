#!/usr/bin/env python3
"""A secrets engine in forty lines: greets, and leases what it says."""

from shim import (
    STRING,
    Action,
    Backend,
    Field,
    Lease,
    LeaseType,
    Operation,
    Path,
    Request,
    Response,
    serve,
)

VERSION = "0.1.0"

GREETING = {"greeting": Field(kind=STRING, description="The words.")}
NAME = Field(kind=STRING, description="Whom to greet.")
TONE = Field(kind=STRING, description="The word of greeting.", default="hello")


async def greet(request: Request) -> Response:
    """Say it, for a minute."""
    words = f"{request.fields['tone']} {request.fields['name']}"
    return Response(data={"greeting": words}, lease=Lease(type="words", ttl=60))


GREET = Action(handler=greet, summary="Greet", writes=True, answers=GREETING)


async def say_again(request: Request) -> Response:
    """Let the words last for another minute."""
    return Response(lease=request.lease)


async def take_back(request: Request) -> None:
    """Words are soon forgotten."""


def backend() -> Backend:
    """What one mount of this engine is."""
    return Backend(
        title="Hello",
        description="Greets people.",
        paths=[
            Path(
                template="greet/{name}",
                synopsis="Greet someone.",
                description="Reads as a greeting; write tone to change its word.",
                fields={"name": NAME, "tone": TONE},
                operations={Operation.READ: GREET, Operation.UPDATE: GREET},
            )
        ],
        lease_types=[LeaseType(name="words", renew=say_again, revoke=take_back)],
    )


def main() -> None:
    """Run the plugin."""
    serve(backend, name="hello", version=VERSION)


if __name__ == "__main__":
    main()
