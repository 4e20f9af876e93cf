"""A socket with nothing but a link on it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol

from shim.grpc.landing import LANDING

if TYPE_CHECKING:
    from shim import http2


class Above(Protocol):
    """What a link is to the layer below it, this one or TLS."""

    core: http2.Connection
    loop: asyncio.AbstractEventLoop
    #: who is at the other end, for the log
    peer: str
    #: bytes handed to the socket
    written: int

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """There is a way to the peer."""

    def handshake_failed(self, cause: Exception) -> None:
        """There is none, and never will be."""

    def data_received(self, data: bytes) -> None:
        """Take what the peer sent."""

    def eof_received(self) -> bool:
        """The peer will send no more."""

    def connection_lost(self, exc: Exception | None) -> None:
        """The socket is closed."""

    def pause_writing(self) -> None:
        """The socket's buffer is full."""

    def resume_writing(self) -> None:
        """It has room again."""


class Bare(asyncio.BufferedProtocol):
    """The protocol of a socket's transport without TLS: hands all to `link`."""

    def __init__(self, link: Above) -> None:
        self._link = link

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Pass it on."""
        self._link.connection_made(transport)

    def get_buffer(self, sizehint: int) -> memoryview:
        """Where the socket's bytes go."""
        return LANDING.buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Hand them to the link."""
        self._link.data_received(bytes(LANDING.buffer[:nbytes]))

    def eof_received(self) -> bool:
        """Pass it on."""
        return self._link.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        """Pass it on."""
        self._link.connection_lost(exc)

    def pause_writing(self) -> None:
        """Pass it on."""
        self._link.pause_writing()

    def resume_writing(self) -> None:
        """Pass it on."""
        self._link.resume_writing()
