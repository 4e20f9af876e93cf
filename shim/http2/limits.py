"""What one connection may cost us, whatever its peer sends."""

from __future__ import annotations

from dataclasses import dataclass

from shim.http2.frames import DEFAULT_WINDOW, MAX_WINDOW


@dataclass(frozen=True)
class Limits:
    """Bounds of one HTTP/2 connection; sizes in bytes.

    Raises ValueError for a window the protocol does not allow: a peer may use the default
    window of 65,535 before it has seen our SETTINGS, so none can be smaller.
    """

    max_concurrent_streams: int = 256
    #: receive window of one stream: what the peer may send before we take it
    stream_window: int = 4 << 20
    #: receive window of the connection
    connection_window: int = 16 << 20
    #: decoded header list, counted as RFC 9113 section 6.5.2 does (32 more for each field)
    max_header_list: int = 64 << 10
    #: HEADERS and CONTINUATION payloads of one block, before decoding
    max_header_block: int = 64 << 10
    #: CONTINUATION frames of one block
    max_continuations: int = 32
    #: frames queued for a peer that does not read, our own replies to its frames included
    max_output: int = 4 << 20
    #: frames without work in them (PING, SETTINGS, PRIORITY, empty DATA, ...): at once, a second;
    #: infinite for a peer that is trusted, as `resets` may be
    idle_frames: float = 1_000
    idle_frames_per_second: float = 100.0
    #: streams the peer resets or makes us reset: at once, a second
    resets: float = 400
    resets_per_second: float = 100.0

    def __post_init__(self) -> None:
        for window in (self.stream_window, self.connection_window):
            if not DEFAULT_WINDOW <= window <= MAX_WINDOW:
                raise ValueError(f"a window of {window} bytes is not possible in HTTP/2")
