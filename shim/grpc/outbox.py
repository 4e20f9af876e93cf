"""The sending direction of a streaming call."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shim.grpc.inbox import wake
from shim.grpc.messages import encode_message

if TYPE_CHECKING:
    import asyncio

    from google.protobuf.message import Message

    from shim import http2
    from shim.grpc.link import Link


class Outbox:
    """Sends messages and holds the sender back while the peer takes none."""

    __slots__ = ("_link", "_room", "_stream")

    def __init__(self, link: Link, stream: http2.Stream) -> None:
        self._link = link
        self._stream = stream
        self._room: asyncio.Future[None] | None = None

    async def send(self, message: Message) -> None:
        """Send one message; returns when little of what was sent still waits."""
        for part in encode_message(message):
            self._link.core.send_data(self._stream, part)
        self._link.flush_soon()
        while self._stream.queued > self._link.limits.write_chunk:
            self._room = self._link.loop.create_future()
            await self._room

    def drained(self) -> None:
        """Nothing waits any more, or it was dropped."""
        wake(self._room)
