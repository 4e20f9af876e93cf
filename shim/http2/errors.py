"""Error codes of RFC 9113 section 7, and the two faults a peer can commit."""

from __future__ import annotations

from enum import IntEnum


class ErrorCode(IntEnum):
    """The 32-bit codes that RST_STREAM and GOAWAY carry."""

    NO_ERROR = 0x0
    PROTOCOL_ERROR = 0x1
    INTERNAL_ERROR = 0x2
    FLOW_CONTROL_ERROR = 0x3
    SETTINGS_TIMEOUT = 0x4
    STREAM_CLOSED = 0x5
    FRAME_SIZE_ERROR = 0x6
    REFUSED_STREAM = 0x7
    CANCEL = 0x8
    COMPRESSION_ERROR = 0x9
    CONNECT_ERROR = 0xA
    ENHANCE_YOUR_CALM = 0xB
    INADEQUATE_SECURITY = 0xC
    HTTP_1_1_REQUIRED = 0xD


def code_name(code: int) -> str:
    """The name of an error code as RFC 9113 spells it, or its number in hex where it has none."""
    try:
        return ErrorCode(code).name
    except ValueError:
        return f"{code:#x}"


class ConnectionFault(Exception):  # noqa: N818 - a fault of the peer, not an error of ours
    """The peer broke a rule that ends the connection (RFC 9113 section 5.4.1).

    Raised and caught inside the core only; it leaves as GOAWAY and `ConnectionFailed`.
    """

    def __init__(self, code: ErrorCode, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class StreamFault(Exception):  # noqa: N818 - as above
    """The peer broke a rule that ends one stream (RFC 9113 section 5.4.2).

    Raised and caught inside the core only; it leaves as RST_STREAM and `StreamReset`.
    """

    def __init__(self, stream_id: int, code: ErrorCode, reason: str) -> None:
        super().__init__(reason)
        self.stream_id = stream_id
        self.code = code
        self.reason = reason


class LocalMistake(Exception):  # noqa: N818 - never the peer's doing
    """Our own side asked for something its own stream state forbids: a bug of the caller."""
