"""The listener clients see: passes bytes on to the gRPC server, or mistreats them."""

from __future__ import annotations

import asyncio
import socket
import struct
from contextlib import suppress
from socket import SO_LINGER, SO_REUSEADDR, SOL_SOCKET
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.pachd.impostors import Behaviour

CHUNK = 65536
QUEUE = 3  # connections, more than a backlog of none holds
RESET = struct.pack("ii", 1, 0)  # linger for no time: closing sends RST in place of FIN


class Gate:
    """A TCP relay in front of the server, since gRPC itself never misbehaves on the wire.

    TLS passes through it unread. ``upstream`` is the server's port on the loopback.
    """

    def __init__(self, host: str, port: int) -> None:
        self.host, self.port = host, port
        self.upstream = 0
        self.impostor: Behaviour | None = None
        self.flowing = asyncio.Event()
        self.flowing.set()
        self._listener: asyncio.Server | None = None
        self._deaf: list[socket.socket] = []
        self._tasks: set[asyncio.Task[None]] = set()
        # By the port the relay itself has toward the server, which is the caller's port there.
        self._clients: dict[int, asyncio.StreamWriter] = {}
        self._deceived: set[asyncio.StreamWriter] = set()  # who talks to an impostor

    @property
    def connections(self) -> int:
        """How many clients are connected."""
        return len(self._tasks)

    async def open(self) -> None:
        """Listen; a port of 0 is chosen now and kept from then on."""
        self._listener = await asyncio.start_server(self._accept, self.host, self.port)
        self.port = self._listener.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Stop listening and cut every connection."""
        while self._deaf:
            self._deaf.pop().close()
        if self._listener is not None:
            self._listener.close()
            self._listener = None
        self.cut_all()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def deafen(self) -> None:
        """Cut every connection and answer no attempt at a new one, as behind a dead route.

        A full queue of connections that nobody accepts: Linux drops whatever else knocks.
        """
        await self.close()
        family, kind, number, _, address = socket.getaddrinfo(
            self.host, self.port, type=socket.SOCK_STREAM
        )[0]
        self._deaf = [socket.socket(family, kind, number) for _ in range(1 + QUEUE)]
        listener, *callers = self._deaf
        listener.setsockopt(SOL_SOCKET, SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(0)
        for caller in callers:
            caller.setblocking(False)
            caller.connect_ex(address)

    def vanish(self) -> None:
        """Be gone for whoever is connected, without a word: no byte passes, now or ever.

        New connections are accepted, and come alive when `flowing` is set.
        """
        self.flowing.clear()
        self.flowing = asyncio.Event()

    def cut(self, upstream_port: int) -> None:
        """Reset one client's connection."""
        client = self._clients.get(upstream_port)
        if client is not None:
            _reset(client)

    def cut_all(self) -> None:
        for client in [*self._clients.values(), *self._deceived]:
            _reset(client)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(lambda _: writer.close())  # also where it was cancelled unbegun

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if self.impostor is not None:
                self._deceived.add(writer)
                await self.impostor(reader, writer)
            else:
                await self._relay(reader, writer)
        except (ConnectionError, EOFError):
            pass  # either side went away, which is all a relay can know
        finally:
            self._deceived.discard(writer)

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        up_reader, up_writer = await asyncio.open_connection("127.0.0.1", self.upstream)
        port = up_writer.get_extra_info("sockname")[1]
        self._clients[port] = writer
        pumps = [
            asyncio.ensure_future(self._pump(reader, up_writer)),
            asyncio.ensure_future(self._pump(up_reader, writer)),
        ]
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            del self._clients[port]
            up_writer.close()
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        flowing = self.flowing
        while data := await reader.read(CHUNK):
            await flowing.wait()
            writer.write(data)
            await writer.drain()


def _reset(client: asyncio.StreamWriter) -> None:
    with suppress(OSError):  # it may have closed just now
        client.get_extra_info("socket").setsockopt(SOL_SOCKET, SO_LINGER, RESET)
    client.transport.abort()
