"""What one gRPC connection may cost us."""

from __future__ import annotations

from dataclasses import dataclass

from shim import http2


@dataclass(frozen=True)
class Limits(http2.Limits):
    """Bounds of one connection: those of HTTP/2, and these. Sizes in bytes, times in seconds."""

    #: one message, either way in; more is RESOURCE_EXHAUSTED
    max_message: int = 64 << 20
    #: received of messages that are not whole or not read yet, over all calls of one payer; more is
    #: RESOURCE_EXHAUSTED
    max_buffered: int = 256 << 20
    #: the metadata key whose value names the payer of a call; without one the connection pays
    payer: str = ""
    #: messages a stream's reader has not taken before the peer's window stays shut
    max_unread: int = 1 << 20
    #: bytes handed to the socket at once; above it bodies wait their turn
    write_chunk: int = 256 << 10
    #: until the TLS handshake, and until the peer's first SETTINGS, are done
    greeting_timeout: float = 10.0
    #: until the rest of a frame or header block that was begun has to come
    frame_timeout: float = 20.0
    #: a peer that takes nothing of what waits for it, for this long, is cut off
    stall_timeout: float = 30.0
