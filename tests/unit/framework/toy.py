"""A backend that uses each part of the framework once, and remembers what happened to it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from shim import (
    BOOL,
    INT,
    STRING,
    Action,
    Backend,
    BackendError,
    CodedError,
    Field,
    Host,
    Lease,
    LeaseType,
    Operation,
    Path,
    PermissionDenied,
    Request,
    Response,
    SpecialPaths,
    Unrecoverable,
    UserError,
    listing,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

ERRORS: dict[str, Exception] = {
    "user": UserError("write something else"),
    "coded": CodedError(418, "a teapot"),
    "denied": PermissionDenied("no"),
    "unrecoverable": Unrecoverable("hopeless"),
    "plain": BackendError("broken"),
    "unforeseen": ZeroDivisionError("the secret is hunter2"),
    "slow": TimeoutError(),
}


class Toy:
    def __init__(self) -> None:
        self.happened: list[str] = []
        self.undo_fails = False
        self.untaken_fails = False
        self.kept = asyncio.Event()  # what takes long waits for this
        self.waiting = 0
        self.made: Backend

    def backend(self) -> Backend:
        name = Field(kind=STRING, description="Its name.")
        self.made = Backend(
            title="Toy",
            description="A toy.",
            paths=[
                Path(
                    template="things/",
                    synopsis="List things.",
                    description="All of them.",
                    operations={Operation.LIST: Action(handler=self.list, summary="List things")},
                ),
                Path(
                    template="things/{name}",
                    synopsis="A thing.",
                    description="Holds a size.",
                    exists=self.exists,
                    fields={
                        "name": name,
                        "size": Field(kind=INT, description="Its size.", required=True),
                        "hidden": Field(kind=BOOL, description="Whether shown.", default=False),
                        "weight": Field(kind=INT, description="use size", deprecated=True),
                        "key": Field(kind=STRING, description="A secret.", sensitive=True),
                    },
                    operations={
                        Operation.READ: Action(
                            handler=self.read,
                            summary="Read a thing",
                            answers={"size": Field(kind=INT, description="Its size.")},
                        ),
                        Operation.UPDATE: Action(handler=self.write, summary="Write a thing"),
                        Operation.PATCH: Action(handler=self.write, summary="Patch a thing"),
                        Operation.DELETE: Action(handler=self.delete, summary="Delete a thing"),
                    },
                ),
                Path(
                    template="strict",
                    synopsis="Takes nothing unknown.",
                    description="",
                    strict=True,
                    operations={Operation.UPDATE: Action(handler=self.echo, summary="")},
                ),
                Path(
                    template="fail/{how}",
                    synopsis="Fails.",
                    description="",
                    fields={"how": Field(kind=STRING, description="How.")},
                    operations={Operation.READ: Action(handler=self.fail, summary="")},
                ),
                Path(
                    template="lease",
                    synopsis="A lease.",
                    description="",
                    operations={Operation.READ: Action(handler=self.lease, summary="")},
                ),
                Path(
                    template="wait",
                    synopsis="Takes long.",
                    description="",
                    operations={Operation.READ: Action(handler=self.wait, summary="")},
                ),
                Path(
                    template="gift/{of}",
                    synopsis="A lease that is taken back where nobody took it.",
                    description="",
                    fields={"of": Field(kind=STRING, description="What is given.")},
                    operations={Operation.READ: Action(handler=self.give, summary="")},
                ),
            ],
            lease_types=[
                LeaseType(name="loan", renew=self.renew, revoke=self.revoke),
                LeaseType(
                    name="gift", renew=self.renew, revoke=self.revoke, untaken=self.take_back
                ),
            ],
            special=SpecialPaths(
                root=["root/*"],
                unauthenticated=["open"],
                local_storage=["wal/"],
                seal_wrap_storage=["things/"],
                write_forwarded_storage=["afar/"],
                binary=["body"],
                limited=["loan", "things/*"],
                allow_snapshot_read=["things/*"],
            ),
            undo=self.undo,
            initialize=self.initialize,
            periodic=self.periodic,
            invalidate=self.invalidate,
            close=self.close,
        )
        return self.made

    async def exists(self, request: Request) -> bool:
        return await request.storage.get(f"things/{request.fields['name']}") is not None

    async def list(self, request: Request) -> Response:
        return listing(await request.storage.list("things/"))

    async def read(self, request: Request) -> Response | None:
        entry = await request.storage.get(f"things/{request.fields['name']}")
        return None if entry is None else Response(data={"size": int(entry.value)})

    async def write(self, request: Request) -> None:
        self.happened.append(request.operation)
        size = str(request.fields["size"]).encode()
        await request.storage.put(f"things/{request.fields['name']}", size)

    async def delete(self, request: Request) -> None:
        await request.storage.delete(f"things/{request.fields['name']}")

    async def echo(self, request: Request) -> Response:
        return Response(data=dict(request.data))

    async def fail(self, request: Request) -> None:
        raise ERRORS[request.fields["how"]]

    async def lease(self, request: Request) -> Response:
        del request
        return Response(
            data={"loaned": True},
            lease=Lease(type="loan", ttl=60, max_ttl=120, internal={"book": "é", "n": [1]}),
            warnings=["bring it back"],
        )

    async def wait(self, request: Request) -> None:
        del request
        self.waiting += 1
        await self.kept.wait()

    async def give(self, request: Request) -> Response:
        of = request.fields["of"]
        data = {"of": object() if of == "no JSON" else of}
        return Response(data=data, lease=Lease(type="gift", ttl=60, internal={"of": of}))

    async def take_back(self, request: Request) -> None:
        assert request.lease is not None
        if self.untaken_fails:
            raise BackendError("not now")
        await request.storage.put("back", b"")
        self.happened.append(f"untaken {request.path} {dict(request.lease.internal)}")
        if request.lease.internal["of"] == "slow":
            await self.kept.wait()
            self.happened.append("at last")

    async def renew(self, request: Request) -> Response:
        assert request.lease is not None
        self.happened.append(f"renew {dict(request.lease.internal)} {request.lease.increment}")
        return Response(lease=request.lease)

    async def revoke(self, request: Request) -> None:
        assert request.lease is not None
        if not request.lease.internal:
            raise UserError("no book")
        self.happened.append("revoke")
        assert request.operation == Operation.REVOKE

    async def undo(self, request: Request, kind: str, data: Mapping[str, Any]) -> None:
        del request
        if self.undo_fails:
            raise BackendError("not now")
        self.happened.append(f"undo {kind} {dict(data)}")

    async def initialize(self, host: Host) -> None:
        self.happened.append(f"initialize {await host.storage.list('')}")

    async def periodic(self, request: Request) -> None:
        del request
        self.happened.append("periodic")

    async def invalidate(self, key: str) -> None:
        self.happened.append(f"invalidate {key}")

    async def close(self) -> None:
        self.happened.append("close")
