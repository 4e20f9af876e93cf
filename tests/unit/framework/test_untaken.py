"""A lease that nobody took: the host gives up when the answer is on its way."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from shim import http2
from shim.proto import backend_pb2 as pb
from tests.unit.grpc.peer import GRPC_REQUEST, Peer

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from tests.unit.framework.plugin import Plugin

FIELDS = [
    *((name, value) for name, value in GRPC_REQUEST if name != ":path"),
    ("multiplex_id", "AAAAAAAAAA"),
]


class Host(Peer):
    """The host's connection, by hand."""

    async def give_up(self, operation: str, path: str, secret: pb.Secret | None = None) -> None:
        """Have a request answered and cancel it then: no lease is made."""
        request = pb.Request(operation=operation, path=path, data="null", secret=secret)
        body = pb.HandleRequestArgs(request=request).SerializeToString()
        fields = [(":path", "/pb.Backend/HandleRequest"), *FIELDS]
        stream = await self.call(fields, b"\0" + len(body).to_bytes(4, "big") + body)
        while not any(frame.stream is stream for frame in self.answers):
            assert self.reader is not None
            data = await asyncio.wait_for(self.reader.read(65_536), 20)
            self.events += self.core.receive(data, 0.0)
            self.core.take(0)  # without the acknowledgement of the PING
        self.writer.write(http2.frames.rst_stream(stream.id, http2.ErrorCode.CANCEL))
        await self.writer.drain()

    @property
    def answers(self) -> list[http2.TrailersReceived]:
        return [event for event in self.events if isinstance(event, http2.TrailersReceived)]


async def until(happened: list[str], count: int) -> list[str]:
    async with asyncio.timeout(10):
        while len(happened) < count:  # noqa: ASYNC110 - it tells in its own time
            await asyncio.sleep(0.01)
    return happened


async def test_it_is_ended_as_its_type_says(plugin: Plugin, tmp_path: Path) -> None:
    await plugin.setup()
    host = await Host.dial(str(tmp_path / "plugin"))
    await host.give_up("read", "gift/book")
    await host.give_up("read", "lease")
    happened = await until(plugin.toys[0].happened, 2)
    assert sorted(happened) == ["revoke", "untaken gift/book {'of': 'book'}"]
    host.close()


async def test_what_the_host_has_a_lease_of_is_left_alone(
    plugin: Plugin,
    tmp_path: Path,
) -> None:
    await plugin.setup()
    response = (await plugin.handle("read", "gift/book")).response
    host = await Host.dial(str(tmp_path / "plugin"))
    response.secret.lease_options.issue_time.seconds = 0
    await host.give_up("renew", "gift/book", response.secret)
    await host.give_up("read", "things/a")
    await host.give_up("read", "gift/other")
    happened = await until(plugin.toys[0].happened, 2)
    assert happened[0].startswith("renew")
    assert happened[1:] == ["untaken gift/other {'of': 'other'}"]
    host.close()


async def test_an_answer_that_cannot_be_told_is_untaken(plugin: Plugin) -> None:
    await plugin.setup()
    refusal = (await plugin.handle("read", "gift/no JSON")).err.err_msg
    assert refusal.startswith("internal error in the handler tests.unit.framework.toy.Toy.give: ")
    assert "object in data, which JSON does not have" in refusal
    assert await until(plugin.toys[0].happened, 1) == ["untaken gift/no JSON {'of': 'no JSON'}"]


async def test_the_end_of_a_mount_waits_for_it(plugin: Plugin, tmp_path: Path) -> None:
    await plugin.setup()
    toy = plugin.toys[0]
    host = await Host.dial(str(tmp_path / "plugin"))
    await host.give_up("read", "gift/slow")
    await until(toy.happened, 1)
    cleanup = asyncio.create_task(plugin.call("Cleanup", pb.Empty(), pb.Empty))
    await asyncio.sleep(0.1)
    toy.kept.set()
    await cleanup
    assert toy.happened[1:] == ["at last", "close"]
    host.close()


async def test_what_fails_is_logged(
    plugin: Plugin,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    await plugin.setup()
    plugin.toys[0].untaken_fails = True
    host = await Host.dial(str(tmp_path / "plugin"))
    await host.give_up("read", "gift/book")
    async with asyncio.timeout(10):
        while "was not undone: not now" not in caplog.text:  # noqa: ASYNC110 - as above
            await asyncio.sleep(0.01)
    host.close()
