"""GOAWAY both ways, resets, late frames, and what our own side may not do."""

from __future__ import annotations

import struct

import pytest

from shim import http2
from shim.http2 import frames
from shim.http2.frames import FrameType, frame
from tests.unit.http2.wire import (
    GREETING,
    REQUEST,
    RESPONSE,
    TRAILERS,
    codes,
    core,
    data,
    headers,
    only,
    sent,
    serving,
    settle,
)


def _goaways(output: bytearray) -> list[int]:
    return [
        int.from_bytes(payload[:4], "big")
        for kind, _, _, payload in sent(output)
        if kind is FrameType.GOAWAY
    ]


def test_a_drain_takes_what_was_on_its_way() -> None:
    server = serving()
    server.receive(headers(1, end=True), 0.0)
    server.drain()
    output = server.take(0)
    assert _goaways(output) == [frames.MAX_STREAM_ID]
    ping = next(payload for kind, _, _, payload in sent(output) if kind is FrameType.PING)
    assert only(server.receive(headers(3, end=True), 0.0), http2.RequestReceived).stream.id == 3
    assert not server.settled
    server.receive(frames.ping(ping, ack=True), 0.0)
    assert server.settled
    assert _goaways(server.take(0)) == [3]
    late = headers(5) + data(5, b"x") + frames.rst_stream(5, 8)
    assert server.receive(late, 0.0) == [], "the client was told and will send it elsewhere"
    assert not server.failed
    assert set(server.live) == {1, 3}


def test_a_goaway_frees_the_streams_beyond_it() -> None:
    client = core(http2.Role.CLIENT)
    streams = [client.open() for _ in range(3)]
    for stream in streams:
        client.send_headers(stream, REQUEST, end=True)
    events = client.receive(GREETING + frames.goaway(3, 0, b"bye"), 0.0)
    assert only(events, http2.GoawayReceived) == http2.GoawayReceived(3, 0, b"bye")
    reset = only(events, http2.StreamReset)
    assert reset.stream is streams[2]
    assert reset.untouched
    assert client.exhausted
    assert not client.can_open
    answer = headers(1, RESPONSE) + headers(1, TRAILERS, end=True)
    assert len(client.receive(answer, 0.0)) == 2, "the others are answered"


@pytest.mark.parametrize(("code", "untouched"), [(7, True), (8, False), (2, False)])
def test_refused_is_untouched(code: int, untouched: bool) -> None:
    client = core(http2.Role.CLIENT)
    stream = client.open()
    client.send_headers(stream, REQUEST)
    reset = only(client.receive(GREETING + frames.rst_stream(1, code), 0.0), http2.StreamReset)
    assert reset == (stream, code, http2.code_name(code), True, untouched)


def test_frames_behind_our_reset_are_passed_over() -> None:
    server = serving()
    stream = only(server.receive(headers(1), 0.0), http2.RequestReceived).stream
    server.reset(stream, http2.ErrorCode.CANCEL)
    late = data(1, b"x") + frames.window_update(1, 5) + headers(1, TRAILERS, end=True)
    assert server.receive(late, 0.0) == []
    assert not server.failed
    server.send_data(stream, b"nobody hears")
    assert codes(server.take(1 << 20)) == [("RST_STREAM", http2.ErrorCode.CANCEL)]


def test_an_answer_before_the_request_ends_stops_the_request() -> None:
    server = serving()
    stream = only(server.receive(headers(1), 0.0), http2.RequestReceived).stream
    server.send_headers(stream, RESPONSE, end=True)
    assert codes(server.take(0)) == [("RST_STREAM", http2.ErrorCode.NO_ERROR)]


def test_our_own_mistakes_raise() -> None:
    client = core(http2.Role.CLIENT)
    stream = client.open()
    with pytest.raises(http2.LocalMistake):
        client.send_data(stream, b"before headers")
    client.send_headers(stream, REQUEST)
    client.send_data(stream, bytes(100_000), end=True)
    with pytest.raises(http2.LocalMistake):
        client.send_data(stream, b"behind the end")
    client.goodbye()
    with pytest.raises(http2.LocalMistake):
        client.open()


def test_the_servers_limit_of_streams_holds_for_us() -> None:
    client = core(http2.Role.CLIENT)
    client.receive(frame(FrameType.SETTINGS, 0, 0, struct.pack(">HL", 3, 1)), 0.0)
    stream = client.open()
    assert not client.can_open
    assert not client.exhausted
    client.reset(stream, http2.ErrorCode.CANCEL)
    assert client.can_open


def test_long_blocks_are_cut_and_put_together() -> None:
    client, server = core(http2.Role.CLIENT), core(http2.Role.SERVER)
    stream = client.open()
    client.send_headers(stream, REQUEST + http2.encode([("a", "x" * 40_000)]), end=True)
    request = only(settle(client, server), http2.RequestReceived)
    assert request.fields[-1] == ("a", "x" * 40_000)


def test_our_first_block_gives_up_the_dynamic_table() -> None:
    """RFC 7541 section 4.2; again after the peer has set a new size."""
    server = serving()
    blocks = []
    for stream_id in (1, 3, 5):
        if stream_id == 5:
            server.receive(frame(FrameType.SETTINGS, 0, 0, struct.pack(">HL", 1, 0)), 0.0)
        stream = only(server.receive(headers(stream_id), 0.0), http2.RequestReceived).stream
        server.send_headers(stream, RESPONSE)
        blocks.append(next(p for k, _, _, p in sent(server.take(0)) if k is FrameType.HEADERS))
    assert blocks == [b"\x20" + RESPONSE, RESPONSE, b"\x20" + RESPONSE]


def test_windows_below_the_protocols_are_refused() -> None:
    with pytest.raises(ValueError, match="65534 bytes"):
        http2.Limits(stream_window=65_534)
