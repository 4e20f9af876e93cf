"""What the core tells the layer above, in the order in which it happened on the wire."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from shim.http2.fields import Fields
    from shim.http2.stream import Stream


class RequestReceived(NamedTuple):
    """A client opened `stream` (server only). `ended`: there is no body."""

    stream: Stream
    fields: Fields
    ended: bool


class ResponseReceived(NamedTuple):
    """The final response headers of a stream of ours (client only)."""

    stream: Stream
    fields: Fields
    ended: bool


class TrailersReceived(NamedTuple):
    """The fields after the body; the peer has ended the stream."""

    stream: Stream
    fields: Fields


class DataReceived(NamedTuple):
    """A piece of body. `Connection.acknowledge` gives its size back to the peer's window.

    `data` lies in the buffer handed to `receive`: take what is needed before returning to it.
    """

    stream: Stream
    data: memoryview
    ended: bool


class StreamReset(NamedTuple):
    """A stream is over before its end: `code` by the peer, or by us for a fault of the peer.

    `untouched` says that the peer surely did not process the stream (REFUSED_STREAM, or a
    GOAWAY whose last stream is below it; RFC 9113 section 8.7).
    """

    stream: Stream
    code: int
    reason: str
    by_peer: bool
    untouched: bool


class LateReset(NamedTuple):
    """The client reset a stream that had come to its proper end here (server only).

    With another code than NO_ERROR it may not have seen that end.
    """

    stream_id: int
    code: int


class SettingsReceived(NamedTuple):
    """The peer's SETTINGS are in force; `first` for those of its preface."""

    first: bool


class PingAcknowledged(NamedTuple):
    """The answer to a PING of ours."""

    payload: bytes


class GoawayReceived(NamedTuple):
    """The peer takes no new streams; ours above `last_stream_id` come as `StreamReset`."""

    last_stream_id: int
    code: int
    debug: bytes


class ConnectionFailed(NamedTuple):
    """The peer broke the protocol: a GOAWAY is in the output, after which comes only the close."""

    code: int
    reason: str


Event: TypeAlias = (
    RequestReceived
    | ResponseReceived
    | TrailersReceived
    | DataReceived
    | StreamReset
    | LateReset
    | SettingsReceived
    | PingAcknowledged
    | GoawayReceived
    | ConnectionFailed
)
