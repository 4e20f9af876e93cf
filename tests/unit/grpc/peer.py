"""A peer made by hand on a real socket: the core of `shim.http2`, and every frame by choice."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, TypeVar

from shim import http2

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from typing import Self

_E = TypeVar("_E", bound=tuple[object, ...])

GRPC_REQUEST = (
    (":method", "POST"),
    (":scheme", "http"),
    (":path", "/test.Echo/Echo"),
    (":authority", "localhost"),
    ("content-type", "application/grpc"),
    ("te", "trailers"),
)


class Peer:
    """One end of a connection, driven by a test."""

    def __init__(
        self,
        role: http2.Role,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        limits: http2.Limits | None = None,
    ) -> None:
        self.core = http2.Connection(role, limits or http2.Limits(), 0.0)
        self.reader = reader
        self.writer = writer
        self.events: list[http2.Event] = []
        self.closed = False

    @classmethod
    async def dial(cls, path: str, limits: http2.Limits | None = None) -> Self:
        """A client of the server at `path`, its preface sent."""
        reader, writer = await asyncio.open_unix_connection(path)
        peer = cls(http2.Role.CLIENT, reader, writer, limits)
        await peer.flush()
        return peer

    async def flush(self) -> None:
        """Send what the core has."""
        self.writer.write(self.core.take(1 << 30))
        await self.writer.drain()

    async def call(self, fields: Sequence[tuple[str, str]], body: bytes = b"") -> http2.Stream:
        """Send one whole request."""
        stream = self.core.open()
        self.core.send_headers(stream, http2.encode(fields))
        self.core.send_data(stream, body, end=True)
        await self.flush()
        return stream

    async def answer(self, stream: http2.Stream, body: bytes, *status: tuple[str, str]) -> None:
        """Send one whole gRPC response."""
        head = [(":status", "200"), ("content-type", "application/grpc")]
        self.core.send_headers(stream, http2.encode(head))
        self.core.send_data(stream, body)
        self.core.send_headers(stream, http2.encode(status or [("grpc-status", "0")]), end=True)
        await self.flush()

    async def read(self) -> bool:
        """Take one piece from the wire; False when the other side has closed."""
        try:
            data = await asyncio.wait_for(self.reader.read(65_536), 20)
        except ConnectionError:
            data = b""
        self.closed = not data
        self.events += self.core.receive(data, 0.0)
        with contextlib.suppress(ConnectionError):
            await self.flush()
        return not self.closed

    async def until(self, kind: type[_E]) -> _E:
        """Read until an event of that kind comes, and take it."""
        while True:
            for event in self.events:
                if isinstance(event, kind):
                    self.events.remove(event)
                    return event
            assert await self.read(), f"closed before {kind.__name__}: {self.events}"

    async def until_closed(self) -> None:
        """Read until the other side closes."""
        while await self.read():
            pass

    def close(self) -> None:
        """Close the socket."""
        self.writer.close()


class PeerServer:
    """A server whose every connection runs a script of the test."""

    def __init__(self, path: str, *scripts: Callable[[Peer], Awaitable[None]]) -> None:
        self._path = path
        self._scripts = list(scripts)
        self._listener: asyncio.Server | None = None
        self._writers: list[asyncio.StreamWriter] = []
        self.accepted = 0

    async def __aenter__(self) -> PeerServer:
        self._listener = await asyncio.start_unix_server(self._serve, self._path)
        return self

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        script = self._scripts[min(self.accepted, len(self._scripts) - 1)]
        self.accepted += 1
        peer = Peer(http2.Role.SERVER, reader, writer)
        await peer.flush()
        try:
            await script(peer)
        finally:
            writer.close()

    async def __aexit__(self, *exc: object) -> None:
        assert self._listener is not None
        self._listener.close()
        for writer in self._writers:
            writer.close()
