"""The listener clients see: passes bytes on to the gRPC server, or mistreats them."""

import asyncio
import struct
from contextlib import suppress
from socket import SO_LINGER, SOL_SOCKET

CHUNK = 65536
RESET = struct.pack("ii", 1, 0)  # linger for no time: closing sends RST in place of FIN


class Gate:
    """A TCP relay in front of the server, since gRPC itself never misbehaves on the wire.

    TLS passes through it unread. ``upstream`` is the server's port on the loopback.
    """

    def __init__(self, host: str, port: int) -> None:
        self.host, self.port = host, port
        self.upstream = 0
        self.garbage: bytes | None = None
        self.flowing = asyncio.Event()
        self.flowing.set()
        self._listener: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        # By the port the relay itself has toward the server, which is the caller's port there.
        self._clients: dict[int, asyncio.StreamWriter] = {}

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
        if self._listener is not None:
            self._listener.close()
            self._listener = None
        self.cut_all()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def cut(self, upstream_port: int) -> None:
        """Reset one client's connection."""
        client = self._clients.get(upstream_port)
        if client is None:
            return
        with suppress(OSError):  # it may have closed just now
            client.get_extra_info("socket").setsockopt(SOL_SOCKET, SO_LINGER, RESET)
        client.transport.abort()

    def cut_all(self) -> None:
        for port in list(self._clients):
            self.cut(port)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if self.garbage is not None:
                writer.write(self.garbage)
                while await reader.read(CHUNK):
                    pass
            else:
                await self._relay(reader, writer)
        except ConnectionError:
            pass  # either side went away, which is all a relay can know
        finally:
            writer.close()

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
        while data := await reader.read(CHUNK):
            await self.flowing.wait()
            writer.write(data)
            await writer.drain()
