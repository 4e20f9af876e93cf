"""A firewall on the way to a pachd: it forgets flows that are idle, by reset or without a word."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import time
from typing import Self

RESET = struct.pack("ii", 1, 0)  # linger for no time: closing sends RST in place of FIN


class Relay:
    """Passes bytes on to `port` of the loopback, from ``relay.port``, in the running loop.

    A flow that carried nothing for `memory` seconds is forgotten: `silent`, what is sent on it
    later is swallowed; else it is answered by a reset. Bytes take `delay` seconds, each way.
    """

    def __init__(self, port: int, memory: float, *, silent: bool, delay: float = 0) -> None:
        self.port = 0
        self.flows = 0  # so far
        self._upstream = port
        self._memory = memory
        self._silent = silent
        self._delay = delay
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: list[asyncio.StreamWriter] = []

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for writer in self._writers:
            writer.transport.abort()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.flows += 1
        theirs, ours = await asyncio.open_connection("127.0.0.1", self._upstream)
        self._writers += [writer, ours]
        flow = [time.monotonic()]
        for one, other in ((reader, ours), (theirs, writer)):
            task = asyncio.ensure_future(self._carry(flow, one, other, writer))
            self._tasks.add(task)

    async def _carry(
        self,
        flow: list[float],
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        client: asyncio.StreamWriter,
    ) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                if time.monotonic() - flow[0] > self._memory:
                    flow[0] = float("-inf")  # for good
                    if self._silent:
                        continue
                    sock = client.get_extra_info("socket")
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                    client.transport.abort()
                    return
                flow[0] = time.monotonic()
                await asyncio.sleep(self._delay)
                writer.write(data)
                await writer.drain()
        writer.close()
