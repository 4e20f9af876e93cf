"""The Python of docs/sdk, run as it stands there, on a host in memory."""

from __future__ import annotations

import ast
import asyncio
import inspect
import re
import textwrap
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path as File
from typing import Any, Final

import pytest

import shim
from examples.keys.keys import backend
from examples.keys.service import Service
from shim import NAME, Action, Backend, Field, LeaseType, Operation, Path, Request, Response
from shim.testing import MemoryHost

DOCS = File(__file__).resolve().parents[3] / "docs"
PAGES = [DOCS / "sdk.md", *sorted((DOCS / "sdk").glob("*.md"))]
_FRAGMENT = re.compile(
    r"^(?P<indent> *)```python\n(?P<text>.*?)^(?P=indent)```$", re.MULTILINE | re.DOTALL
)


def fragments(page: File) -> list[str]:
    """The Python of `page`, in order."""
    return [textwrap.dedent(found["text"]) for found in _FRAGMENT.finditer(page.read_text())]


async def run(fragment: str, **names: Any) -> dict[str, Any]:
    """Run `fragment` where all of `shim` was imported, and `names` are: what it has made.

    Like the bodies of handlers it may await.
    """
    made = {**vars(shim), "asyncio": asyncio, "Mapping": Mapping, "Any": Any, **names}
    code = compile(fragment, "a fragment", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    waits = eval(code, made)  # ours
    if inspect.isawaitable(waits):
        await waits
    return made


def of(handler: Any, **more: Any) -> Callable[[], Backend]:
    """A backend with one path, which `handler` answers when it is read."""
    path = Path(
        template="a/{name}",
        synopsis="",
        description="",
        fields={"name": Field(kind=NAME, description="")},
        operations={Operation.READ: Action(handler=handler, summary="")},
    )
    return lambda: Backend(title="", description="", paths=[path], **more)


async def blocking(fragment: str) -> None:
    made = await run(fragment, look_up=lambda name: {"found": name})
    async with MemoryHost(of(made["read"])) as host:
        assert (await host.read("a/pear")).data == {"found": "pear"}


async def transaction(fragment: str) -> None:
    async def write(request: Request) -> None:
        await run(fragment, request=request)

    async with MemoryHost(of(write)) as host:
        host.fails = lambda call: call == "Storage/Commit"
        with pytest.raises(shim.StorageError):
            await host.read("a/pear")
        assert not host.entries
        host.fails = lambda _: False
        await host.read("a/pear")
        assert host.entries == {"a": b"1", "b": b"2"}


async def log(fragment: str) -> None:
    alive: set[str] = set()

    async def make(key: str) -> str:
        await asyncio.sleep(0)
        alive.add(key)
        await asyncio.sleep(0)
        return "secret"

    async def unmake(key: str) -> None:
        alive.discard(key)

    async def renew(request: Request) -> Response:
        return Response(lease=request.lease)

    made = await run(fragment, key="pear", ttl=60, make=make, unmake=unmake)
    types = [LeaseType(name="key", renew=renew, revoke=made["revoke"])]
    async with MemoryHost(of(made["mint"], lease_types=types, undo=made["undo"])) as host:
        step = 1
        while await host.killed_at(step, host.read("a/pear")):
            await host.advance(200)
            await host.roll_back(immediate=False)
            assert not alive | host.entries.keys(), step
            step += 1
        assert step > 5
        assert alive
        await host.advance(60)
        assert not alive | host.entries.keys()


async def memory(fragment: str) -> None:
    with Service() as service:
        made = await run(fragment, MemoryHost=MemoryHost, backend=backend, service=service)
        assert made["answer"].data["secret"]
        assert not service.keys


RUNS: Final[dict[str, list[Callable[[str], Awaitable[None]]]]] = {
    "handlers.md": [blocking, transaction],
    "leases.md": [log],
    "testing.md": [memory],
}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
async def test_the_fragments_do_what_is_said_of_them(page: File) -> None:
    runs = RUNS.get(page.name, [])
    for fragment, runs_it in zip(fragments(page), runs, strict=True):
        await runs_it(fragment)
