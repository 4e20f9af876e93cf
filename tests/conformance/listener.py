"""An HTTP/2 listener on the core alone: h2spec's opposite number.

`python -m tests.conformance.listener` prints its port and serves until its stdin ends. Each
request is answered 200 with a small body, once it is complete, as an HTTP server would.
"""

from __future__ import annotations

import asyncio
import sys

from shim import http2
from shim.grpc.bare import Bare
from shim.grpc.limits import Limits
from shim.grpc.link import Link

_HEAD = http2.encode([(":status", "200"), ("content-type", "text/plain")])


class Plain:
    """Answers every complete request of its link."""

    def __init__(self) -> None:
        self.link = Link(http2.Role.SERVER, Limits(), asyncio.get_running_loop())
        self.link._handlers = {
            http2.RequestReceived: self._on_request,
            http2.DataReceived: self._on_data,
            http2.TrailersReceived: lambda event: self._answer(event.stream),
            http2.StreamReset: _ignore,
            http2.LateReset: _ignore,
            http2.SettingsReceived: _ignore,
            http2.PingAcknowledged: _ignore,
            http2.GoawayReceived: lambda event: self.link.core.drain(),
            http2.ConnectionFailed: _ignore,
        }

    def _on_request(self, event: http2.RequestReceived) -> None:
        if event.ended:
            self._answer(event.stream)

    def _on_data(self, event: http2.DataReceived) -> None:
        self.link.core.acknowledge(event.stream, len(event.data))
        if event.ended:
            self._answer(event.stream)

    def _answer(self, stream: http2.Stream) -> None:
        self.link.core.send_headers(stream, _HEAD)
        self.link.core.send_data(stream, b"hello, h2spec", end=True)


def _ignore(event: http2.Event) -> None:
    """Nothing to do."""


async def main() -> None:
    """Listen, say where, and go when whoever started this goes."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Bare(Plain().link), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    server.close()


if __name__ == "__main__":
    asyncio.run(main())
