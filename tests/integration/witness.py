"""An engine that tells all that a handler can see, and says all that one can say."""

from typing import Any

from shim import (
    MAP,
    Action,
    Backend,
    Field,
    NoTransactions,
    Operation,
    Request,
    Response,
    SpecialPaths,
    StorageError,
    serve,
)
from shim import Path as Route


async def _seen(request: Request) -> Response:
    groups = await request.system.groups(request.entity_id) if request.entity_id else []
    return Response(
        data={
            "id": request.id,
            "headers": dict(request.headers),
            "address": request.address,
            "port": request.port,
            "accessor": request.accessor,
            "mount_accessor": request.mount_accessor,
            "mount_type": request.mount_type,
            "authenticated": request.authenticated,
            "wrap_ttl": request.wrap_ttl,
            "groups": [group.name for group in groups],
            "shown": repr(request),
        }
    )


async def _raw(_: Request) -> Response:
    return Response.raw(b"\x00\xffPEM", content_type="application/x-pem-file", status=203)


async def _told(request: Request) -> Response:
    return Response(data={"told": dict(request.data)})


async def _header(_: Request) -> Response:
    return Response(data={}, headers={"X-Witness": ["one", "two"]})


async def _wrapped(_: Request) -> Response:
    return Response(data={"secret": "wrapped"}, wrap_ttl=60)


async def _pages(request: Request) -> Response:
    storage = request.storage
    for name in ("a", "b", "c/d", "e"):
        await storage.put_json(f"pages/{name}", {"name": name})
    return Response(
        data={
            "all": await storage.list_page("pages/"),
            "two": await storage.list_page("pages/", after="a", limit=2),
            "json": await storage.get_json("pages/c/d"),
            "none": await storage.get_json("pages/none"),
        }
    )


async def _transaction(request: Request) -> Response:
    storage = request.storage
    await storage.put_json("count", 1)
    try:
        async with storage.transaction() as kept:
            await kept.put_json("count", 2)
            seen = [await storage.get_json("count"), await kept.get_json("count")]
    except NoTransactions as error:
        return Response(data={"none": str(error)})
    try:
        async with storage.transaction() as undone:
            await undone.put_json("count", 3)
            raise ZeroDivisionError
    except ZeroDivisionError:
        pass
    return Response(data={"seen": seen, "count": await storage.get_json("count")})


async def _met(request: Request) -> Response:
    """A transaction beside which another writes: what it read, or something else."""
    storage = request.storage
    told: dict[str, Any] = {}
    for key in ("read", "else"):
        await storage.put_json("met/read", 1)
        await storage.delete("met/else")
        try:
            async with storage.transaction() as kept:
                await kept.put_json("met/made", await kept.get_json("met/read"))
                await storage.put_json(f"met/{key}", "another's")
        except NoTransactions as error:
            return Response(data={"none": str(error)})
        except StorageError:
            told[key] = "refused"
        else:
            told[key] = "kept"
        told[f"left of {key}"] = [await storage.get_json(f"met/{n}") for n in ("made", "else")]
        await storage.delete("met/made")
    return Response(data=told)


_PATHS = {
    "seen": _seen,
    "open": _seen,
    "raw": _raw,
    "told": _told,
    "header": _header,
    "wrapped": _wrapped,
    "pages": _pages,
    "transaction": _transaction,
    "met": _met,
}


def backend() -> Backend:
    """What one mount of it is."""
    return Backend(
        title="Witness",
        description="Tells what it sees.",
        paths=[
            Route(
                template=name,
                synopsis=name,
                description=name,
                fields={"extra": Field(kind=MAP, description="Anything.")},
                operations={
                    operation: Action(handler=handler, summary=name)
                    for operation in (Operation.READ, Operation.UPDATE)
                },
            )
            for name, handler in _PATHS.items()
        ],
        special=SpecialPaths(
            unauthenticated=["open"],
            binary=["told"],
            limited=["open"],
            allow_snapshot_read=["seen"],
        ),
    )


if __name__ == "__main__":
    serve(backend, name="witness", version="0.1.0")
