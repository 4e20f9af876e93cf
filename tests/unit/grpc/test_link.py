"""A link on a transport made by hand, for what a socket cannot be made to do."""

from __future__ import annotations

import asyncio

from shim import http2
from shim.grpc import Limits
from shim.grpc.link import Link
from shim.http2 import frames
from tests.unit.http2.wire import CLIENT_GREETING, RESPONSE, headers


class Stuck(asyncio.Transport):
    """A transport whose peer takes nothing; what is written stays here."""

    def __init__(self) -> None:
        super().__init__()
        self.aborted = asyncio.Event()
        self.written = bytearray()

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += data

    def get_write_buffer_size(self) -> int:
        return 1

    def is_closing(self) -> bool:
        return False

    def abort(self) -> None:
        self.aborted.set()


async def test_a_peer_that_takes_nothing_is_cut_whatever_it_was_that_filled_the_socket() -> None:
    """TLS itself writes, too: an answer to each request for another key."""
    link = Link(http2.Role.SERVER, Limits(stall_timeout=0.1), asyncio.get_running_loop())
    link.transport = stuck = Stuck()
    link.pause_writing()
    await asyncio.wait_for(stuck.aborted.wait(), 20)
    assert link.cut_reason == "the peer does not read"


async def test_a_ping_that_comes_with_a_reset_is_answered() -> None:
    link, stuck = Link(http2.Role.SERVER, Limits(), asyncio.get_running_loop()), Stuck()
    streams: list[http2.Stream] = []
    link._handlers = {  # it answers no call
        http2.SettingsReceived: lambda event: None,
        http2.RequestReceived: lambda event: streams.append(event.stream),
        http2.StreamReset: lambda event: None,
    }
    link.connection_made(stuck)
    link.data_received(CLIENT_GREETING + headers(1, end=True))
    (stream,) = streams
    link.core.send_headers(stream, RESPONSE)
    link.core.send_data(stream, bytes(200_000))  # more than the window: it has to wait
    link.flush()
    stuck.written.clear()
    link.data_received(frames.ping(b"and then") + frames.rst_stream(1, http2.ErrorCode.CANCEL))
    async with asyncio.timeout(20):
        while bytes(stuck.written) != frames.ping(b"and then", ack=True):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    link.connection_lost(None)
