"""HTTP/2 (RFC 9113) without I/O, for both ends of a connection.

`Connection` is the whole of it: bytes in, events out. Everything is in `docs/transport.md`.
"""

from shim.http2.blocks import encode, encode_literal
from shim.http2.connection import Connection, Role
from shim.http2.errors import ErrorCode, LocalMistake, code_name
from shim.http2.events import (
    ConnectionFailed,
    DataReceived,
    Event,
    GoawayReceived,
    LateReset,
    PingAcknowledged,
    RequestReceived,
    ResponseReceived,
    SettingsReceived,
    StreamReset,
    TrailersReceived,
)
from shim.http2.fields import Fields
from shim.http2.limits import Limits
from shim.http2.stream import State, Stream

__all__ = [
    "Connection",
    "ConnectionFailed",
    "DataReceived",
    "ErrorCode",
    "Event",
    "Fields",
    "GoawayReceived",
    "LateReset",
    "Limits",
    "LocalMistake",
    "PingAcknowledged",
    "RequestReceived",
    "ResponseReceived",
    "Role",
    "SettingsReceived",
    "State",
    "Stream",
    "StreamReset",
    "TrailersReceived",
    "code_name",
    "encode",
    "encode_literal",
]
