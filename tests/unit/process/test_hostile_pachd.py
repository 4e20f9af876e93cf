"""A pachd that is none: the engine's process is led to it by config, and comes to no harm."""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator

from tests.pachd.impostors import IMPOSTORS, Behaviour
from tests.unit.process.hostile import SECRET
from tests.unit.process.mounted import INTERNAL, Mounted, mounted


@contextlib.asynccontextmanager
async def listening(behave: Behaviour) -> AsyncIterator[str]:
    """The address of a server that behaves like that."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            await behave(reader, writer)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


async def refusal(mount: Mounted, operation: str, path: str, **data: object) -> str:
    """The words of a refusal, which must come in time."""
    started = time.monotonic()
    reply = await mount.ask(operation, path, **data)
    assert time.monotonic() - started < 8
    assert reply.err.err_type != INTERNAL
    text = reply.err.err_msg or json.loads(reply.response.data)["error"]
    assert SECRET not in text
    return str(text)


async def test_whatever_answers_at_pachds_address_does_no_harm() -> None:
    async with mounted() as mount, contextlib.AsyncExitStack() as stack:
        addresses = {
            name: await stack.enter_async_context(listening(behave))
            for name, behave in IMPOSTORS.items()
        }
        asked = {"admin_token": SECRET, "request_timeout": "2s"}
        words = await asyncio.gather(
            *(
                refusal(mount, "update", "config", pachd_address=address, **asked)
                for address in addresses.values()
            )
        )
        told = dict(zip(IMPOSTORS, words, strict=True))
        assert [name for name, text in told.items() if addresses[name] not in text] == []
        assert mount.peak < 300_000
        assert not mount.logged(SECRET)
        version = await mount.ask("read", "version/client-only")
        assert "client-version" in version.response.data
