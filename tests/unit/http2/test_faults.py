"""Breaches of the protocol and what each is answered with, as a table.

h2spec holds the core to the same rules; these cases say which answer is ours, for both roles,
without Go.
"""

from __future__ import annotations

import struct

import pytest

from shim import http2
from shim.http2 import frames
from shim.http2.frames import FrameType, frame
from tests.unit.http2.wire import (
    CLIENT_GREETING,
    GREETING,
    REQUEST,
    RESPONSE,
    TRAILERS,
    codes,
    core,
    data,
    headers,
    only,
    serving,
)

_PRIORITY_ON_1 = struct.pack(">LB", 1, 0)
_OPEN = headers(1)


def _setting(key: int, value: int) -> bytes:
    return frame(FrameType.SETTINGS, 0, 0, struct.pack(">HL", key, value))


def _fields(*pairs: tuple[str, str]) -> bytes:
    return http2.encode(pairs)


_GOAWAY = {
    "DATA on stream 0": (data(0, b"x"), "PROTOCOL_ERROR"),
    "DATA on an idle stream": (data(1, b"x"), "PROTOCOL_ERROR"),
    "HEADERS on stream 0": (headers(0), "PROTOCOL_ERROR"),
    "HEADERS on an even stream": (headers(2), "PROTOCOL_ERROR"),
    "HEADERS on a lower stream": (headers(5) + headers(3), "PROTOCOL_ERROR"),
    "HEADERS cut before the priority": (headers(1, b"\0", flags=0x20), "FRAME_SIZE_ERROR"),
    "padding longer than its frame": (
        _OPEN + frame(FrameType.DATA, frames.PADDED, 1, b"\x05ab"),
        "PROTOCOL_ERROR",
    ),
    "empty frame with padding": (_OPEN + frame(FrameType.DATA, frames.PADDED, 1), "PROTOCOL_ERROR"),
    "a frame inside a header block": (
        frame(FrameType.HEADERS, 0, 1, REQUEST) + frames.ping(bytes(8)),
        "PROTOCOL_ERROR",
    ),
    "an unknown frame inside a header block": (
        frame(FrameType.HEADERS, 0, 1, REQUEST) + frame(0x20, 0, 1),
        "PROTOCOL_ERROR",
    ),
    "CONTINUATION of another stream": (
        frame(FrameType.HEADERS, 0, 1, REQUEST) + frame(FrameType.CONTINUATION, 4, 3),
        "PROTOCOL_ERROR",
    ),
    "CONTINUATION of nothing": (frame(FrameType.CONTINUATION, 4, 1), "PROTOCOL_ERROR"),
    "RST_STREAM on an idle stream": (frames.rst_stream(1, 8), "PROTOCOL_ERROR"),
    "RST_STREAM of three bytes": (
        _OPEN + frame(FrameType.RST_STREAM, 0, 1, b"\0\0\0"),
        "FRAME_SIZE_ERROR",
    ),
    "SETTINGS on a stream": (frame(FrameType.SETTINGS, 0, 1), "PROTOCOL_ERROR"),
    "SETTINGS of seven bytes": (frame(FrameType.SETTINGS, 0, 0, bytes(7)), "FRAME_SIZE_ERROR"),
    "SETTINGS ACK with a payload": (
        frame(FrameType.SETTINGS, frames.ACK, 0, bytes(6)),
        "FRAME_SIZE_ERROR",
    ),
    "ENABLE_PUSH of 2": (_setting(2, 2), "PROTOCOL_ERROR"),
    "INITIAL_WINDOW_SIZE too large": (_setting(4, 1 << 31), "FLOW_CONTROL_ERROR"),
    "MAX_FRAME_SIZE too small": (_setting(5, 16_383), "PROTOCOL_ERROR"),
    "MAX_FRAME_SIZE too large": (_setting(5, 1 << 24), "PROTOCOL_ERROR"),
    "PUSH_PROMISE": (frame(FrameType.PUSH_PROMISE, 4, 1, bytes(4)), "PROTOCOL_ERROR"),
    "PING on a stream": (frame(FrameType.PING, 0, 1, bytes(8)), "PROTOCOL_ERROR"),
    "PING of six bytes": (frame(FrameType.PING, 0, 0, bytes(6)), "FRAME_SIZE_ERROR"),
    "GOAWAY on a stream": (frame(FrameType.GOAWAY, 0, 1, bytes(8)), "PROTOCOL_ERROR"),
    "WINDOW_UPDATE of zero": (frames.window_update(0, 0), "PROTOCOL_ERROR"),
    "WINDOW_UPDATE on an idle stream": (frames.window_update(1, 1), "PROTOCOL_ERROR"),
    "WINDOW_UPDATE beyond 2^31-1": (frames.window_update(0, (1 << 31) - 1), "FLOW_CONTROL_ERROR"),
    "a frame too long": (frames.frame_header(16_385, 0, 0, 1), "FRAME_SIZE_ERROR"),
    "an undecodable block": (headers(1, b"\xff\xff\xff\xff\xff\xff"), "COMPRESSION_ERROR"),
    "an index beyond the table": (headers(1, b"\xfe"), "COMPRESSION_ERROR"),
    "a table size update in mid-block": (headers(1, b"\x82\x20"), "COMPRESSION_ERROR"),
    "a table size beyond ours": (headers(1, b"\x3f\xe2\x1f"), "COMPRESSION_ERROR"),
    "HEADERS on a stream the peer closed": (
        _OPEN + frames.rst_stream(1, 8) + headers(1),
        "STREAM_CLOSED",
    ),
    "DATA on a stream the peer closed": (
        _OPEN + frames.rst_stream(1, 8) + data(1, b"x"),
        "STREAM_CLOSED",
    ),
}


@pytest.mark.parametrize(("attack", "code"), _GOAWAY.values(), ids=_GOAWAY)
def test_connection_faults(attack: bytes, code: str) -> None:
    server = serving()
    failure = server.receive(attack, 0.0)[-1]
    assert isinstance(failure, http2.ConnectionFailed)
    assert http2.code_name(failure.code) == code
    assert codes(server.take(0))[-1] == ("GOAWAY", failure.code)
    assert server.receive(headers(7), 0.0) == [], "nothing is heard after the failure"


_HEAD = ((":method", "POST"), (":scheme", "http"), (":path", "/"))
_RST = {
    "DATA behind the end": (headers(1, end=True) + data(1, b"x"), "STREAM_CLOSED"),
    "HEADERS behind the end": (headers(1, end=True) + headers(1, end=True), "STREAM_CLOSED"),
    "trailers without an end": (_OPEN + headers(1, TRAILERS), "PROTOCOL_ERROR"),
    "a pseudo field in trailers": (_OPEN + headers(1, REQUEST, end=True), "PROTOCOL_ERROR"),
    "PRIORITY of four bytes": (frame(FrameType.PRIORITY, 0, 1, bytes(4)), "FRAME_SIZE_ERROR"),
    "PRIORITY on itself": (frame(FrameType.PRIORITY, 0, 1, _PRIORITY_ON_1), "PROTOCOL_ERROR"),
    "HEADERS depending on themselves": (
        headers(1, _PRIORITY_ON_1 + REQUEST, flags=0x20),
        "PROTOCOL_ERROR",
    ),
    "WINDOW_UPDATE of zero": (_OPEN + frames.window_update(1, 0), "PROTOCOL_ERROR"),
    "stream window beyond 2^31-1": (
        _OPEN + frames.window_update(1, (1 << 31) - 1),
        "FLOW_CONTROL_ERROR",
    ),
    "no path": (headers(1, _fields(*_HEAD[:2])), "PROTOCOL_ERROR"),
    "an empty path": (headers(1, _fields(*_HEAD[:2], (":path", ""))), "PROTOCOL_ERROR"),
    "a response's field": (headers(1, _fields(*_HEAD, (":status", "200"))), "PROTOCOL_ERROR"),
    "a pseudo field twice": (headers(1, _fields(*_HEAD, _HEAD[2])), "PROTOCOL_ERROR"),
    "a late pseudo field": (
        headers(1, _fields(*_HEAD[:2], ("a", "b"), _HEAD[2])),
        "PROTOCOL_ERROR",
    ),
    "an upper-case name": (headers(1, _fields(*_HEAD, ("Accept", "x"))), "PROTOCOL_ERROR"),
    "an empty name": (headers(1, _fields(*_HEAD, ("", "x"))), "PROTOCOL_ERROR"),
    "a line feed in a value": (headers(1, _fields(*_HEAD, ("a", "b\nc"))), "PROTOCOL_ERROR"),
    "connection": (headers(1, _fields(*_HEAD, ("connection", "close"))), "PROTOCOL_ERROR"),
    "te other than trailers": (headers(1, _fields(*_HEAD, ("te", "gzip"))), "PROTOCOL_ERROR"),
    "a body too short": (
        headers(1, _fields(*_HEAD, ("content-length", "3"))) + data(1, b"xx", end=True),
        "PROTOCOL_ERROR",
    ),
    "a body too long": (
        headers(1, _fields(*_HEAD, ("content-length", "1"))) + data(1, b"xx"),
        "PROTOCOL_ERROR",
    ),
    "no body at all": (
        headers(1, _fields(*_HEAD, ("content-length", "1")), end=True),
        "PROTOCOL_ERROR",
    ),
    "trailers before the body's end": (
        headers(1, _fields(*_HEAD, ("content-length", "1"))) + headers(1, TRAILERS, end=True),
        "PROTOCOL_ERROR",
    ),
    "content-length twice": (
        headers(1, _fields(*_HEAD, ("content-length", "1"), ("content-length", "2"))),
        "PROTOCOL_ERROR",
    ),
    "a signed content-length": (
        headers(1, _fields(*_HEAD, ("content-length", "+1"))),
        "PROTOCOL_ERROR",
    ),
}


@pytest.mark.parametrize(("attack", "code"), _RST.values(), ids=_RST)
def test_stream_faults(attack: bytes, code: str) -> None:
    server = serving()
    server.receive(attack, 0.0)
    assert codes(server.take(0)) == [("RST_STREAM", http2.ErrorCode[code])]
    assert not server.failed
    assert not server.live
    events = server.receive(headers(3, end=True), 0.0)
    assert [type(event) for event in events] == [http2.RequestReceived], "the others go on"


_RESPONSES = {
    "DATA before headers": data(1, b"x"),
    "no status": headers(1, _fields(("a", "b"))),
    "a status that is no number": headers(1, _fields((":status", "2x0"))),
    "an interim response that ends": headers(1, _fields((":status", "100")), end=True),
    "a request's field": headers(1, _fields((":status", "200"), (":path", "/"))),
}


@pytest.mark.parametrize("attack", _RESPONSES.values(), ids=_RESPONSES)
def test_malformed_responses(attack: bytes) -> None:
    client = core(http2.Role.CLIENT)
    stream = client.open()
    client.send_headers(stream, REQUEST)
    client.take(0)
    events = client.receive(GREETING + attack, 0.0)
    reset = only(events, http2.StreamReset)
    assert (reset.stream, reset.code, reset.by_peer, reset.untouched) == (stream, 1, False, False)
    assert codes(client.take(0)) == [("RST_STREAM", http2.ErrorCode.PROTOCOL_ERROR)]


def test_an_interim_response_is_passed_over() -> None:
    client = core(http2.Role.CLIENT)
    stream = client.open()
    client.send_headers(stream, REQUEST, end=True)
    interim = headers(1, _fields((":status", "103")))
    events = client.receive(GREETING + interim + headers(1, RESPONSE), 0.0)
    assert [type(event) for event in events] == [http2.SettingsReceived, http2.ResponseReceived]


_PREFACES = {
    "HTTP/1.1": b"GET / HTTP/1.1\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00",
    "a wrong last byte": frames.PREFACE[:-1] + b"x",
    "no SETTINGS first": frames.PREFACE + frames.ping(bytes(8)),
    "an ACK first": frames.PREFACE + frame(FrameType.SETTINGS, frames.ACK, 0),
}


@pytest.mark.parametrize("attack", _PREFACES.values(), ids=_PREFACES)
def test_prefaces(attack: bytes) -> None:
    server = core(http2.Role.SERVER)
    assert isinstance(server.receive(attack, 0.0)[-1], http2.ConnectionFailed)
    assert not server.greeted


def test_the_preface_may_come_byte_by_byte() -> None:
    server = core(http2.Role.SERVER)
    for byte in CLIENT_GREETING[:-1]:
        assert server.receive(bytes([byte]), 0.0) == []
    assert server.receive(CLIENT_GREETING[-1:], 0.0) == [http2.SettingsReceived(first=True)]


def test_unknown_frames_and_settings_are_passed_over() -> None:
    server = serving()
    assert server.receive(frame(0x42, 0xFF, 9, b"?"), 0.0) == []
    assert server.receive(_setting(0x99, 7), 0.0) == [http2.SettingsReceived(first=False)]


def test_a_reset_behind_the_end_is_told_to_a_server() -> None:
    server = serving()
    stream = only(server.receive(headers(1, end=True), 0.0), http2.RequestReceived).stream
    server.send_headers(stream, RESPONSE, end=True)
    assert server.receive(frames.rst_stream(1, 8), 0.0) == [http2.LateReset(1, 8)]
    cut = only(server.receive(headers(3), 0.0), http2.RequestReceived).stream
    server.reset(cut, http2.ErrorCode.CANCEL)
    assert server.receive(frames.rst_stream(3, 8), 0.0) == [], "it crossed ours"
    assert not server.failed
