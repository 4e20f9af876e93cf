"""What a great number of callers does to the host's one connection, and what it must not do."""

import asyncio
import time

import pytest

from shim import http2
from shim.grpc import RpcError, Status
from shim.http2 import frames
from shim.proto import backend_pb2 as pb
from tests.unit.grpc.peer import GRPC_REQUEST, Peer
from tests.unit.process import echo_plugin
from tests.unit.process.plugin_host import SOON, connected, launch

OTHER = (("multiplex_id", "another0123"),)
CROWD = 1_000


async def test_callers_that_give_up_do_not_cut_off_the_host() -> None:
    async with connected() as host:
        args = pb.HandleRequestArgs(request=pb.Request(path="sleep", data="60"))

        async def give_up() -> None:
            with pytest.raises(RpcError) as late:
                await host.channel.unary(echo_plugin.HANDLE, args, timeout=0.001, metadata=OTHER)
            assert late.value.code is Status.DEADLINE_EXCEEDED

        for _ in range(4):
            await asyncio.gather(*(give_up() for _ in range(CROWD)))
            assert await host.ask("status")
        assert host.channel.connections == 1
        assert not [line for line in host.plugin.logs if line["@level"] == "warn"]


async def test_a_thousand_calls_that_hang_hold_up_no_other() -> None:
    async with connected() as host:
        hanging = [
            asyncio.create_task(host.ask("sleep", "60", mount=OTHER, timeout=60))
            for _ in range(CROWD)
        ]
        await asyncio.sleep(0)  # they go first
        await host.ask("status")
        started = time.monotonic()
        assert await host.ask("status")
        assert time.monotonic() - started < SOON / 2
        for call in hanging:
            call.cancel()
        await asyncio.gather(*hanging, return_exceptions=True)
        assert await host.ask("status")


async def test_who_is_not_known_to_be_the_host_is_cut_off_and_the_log_says_why() -> None:
    async with launch(PLUGIN_CLIENT_CERT=None, VAULT_PLUGIN_METADATA_MODE="true") as plugin:
        peer = await Peer.dial(str(plugin.socket))
        await peer.until(http2.SettingsReceived)
        for number in range(1, 2_001, 2):
            head = frames.header_frames(number, http2.encode(GRPC_REQUEST), end=False, size=1 << 14)
            peer.writer.write(head + frames.rst_stream(number, http2.ErrorCode.CANCEL))
        await peer.until_closed()
        peer.close()
        assert await plugin.ended() == 0
        told = [line["@message"] for line in plugin.logs if line["@level"] == "warn"]
    assert told == [
        "the connection with a client was cut: it broke HTTP/2: too many streams reset",
        "stopping: the host's last connection is gone",
    ]
