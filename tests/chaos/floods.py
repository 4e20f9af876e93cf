"""Impostors that send without end, each at an address of its own, in a process of their own."""

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
import sys
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Final

from tests.pachd.impostors import IMPOSTORS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.pachd.impostors import Behaviour

FLOODS: Final = (
    "pings",
    "settings",
    "windows",
    "interim answers",
    "a message without end",
    "messages without end",
    "data on a reset stream",
    "a byte a frame",
)


@contextmanager
def floods() -> Iterator[dict[str, str]]:
    """Their addresses by name, while the context lasts."""
    command = [sys.executable, "-m", __name__]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield json.loads(process.stdout.readline())
        finally:
            process.stdin.close()  # it reads until then


async def _accept(
    behave: Behaviour, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    with contextlib.suppress(ConnectionError, EOFError):
        await behave(reader, writer)
    writer.transport.abort()


async def _serve() -> None:
    addresses = {}
    for name in FLOODS:
        server = await asyncio.start_server(partial(_accept, IMPOSTORS[name]), "127.0.0.1", 0)
        host, port = server.sockets[0].getsockname()
        addresses[name] = f"{host}:{port}"
    print(json.dumps(addresses), flush=True)
    await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(_serve())
