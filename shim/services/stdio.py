"""``plugin.GRPCStdio``: a second way for a plugin's output, which Vault throws away."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from google.protobuf import empty_pb2

from shim.grpc import Call, Method, Server, Stream
from shim.proto import plugin_pb2 as plugin

if TYPE_CHECKING:
    import asyncio

STREAM_STDIO: Final = Method("/plugin.GRPCStdio/StreamStdio", empty_pb2.Empty, plugin.StdioData)


class Stdio:
    """Keeps the host's stream open and silent until `stopping` is set."""

    def __init__(self, stopping: asyncio.Event) -> None:
        self._stopping = stopping

    def register(self, server: Server) -> None:
        """Put StreamStdio on `server`."""
        server.stream(STREAM_STDIO, self._stream)

    async def _stream(self, stream: Stream[empty_pb2.Empty, plugin.StdioData], call: Call) -> None:
        del call
        await stream.receive()
        await self._stopping.wait()
