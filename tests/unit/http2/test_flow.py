"""Windows, in both directions."""

from __future__ import annotations

import struct

import pytest

from shim import http2
from shim.http2 import frames
from shim.http2.frames import FrameType, frame
from tests.unit.http2.wire import RESPONSE, TRAILERS, codes, data, headers, only, sent, serving


def _request(server: http2.Connection, stream_id: int) -> http2.Stream:
    stream = only(server.receive(headers(stream_id, end=True), 0.0), http2.RequestReceived).stream
    server.send_headers(stream, RESPONSE)
    server.take(1 << 20)
    return stream


def _initial_window(size: int) -> bytes:
    return frame(FrameType.SETTINGS, 0, 0, struct.pack(">HL", 4, size))


def _bodies(output: bytearray) -> dict[int, int]:
    sizes: dict[int, int] = {}
    for kind, _, stream_id, payload in sent(output):
        if kind is FrameType.DATA:
            sizes[stream_id] = sizes.get(stream_id, 0) + len(payload)
    return sizes


def test_a_body_stops_at_the_connection_window_and_goes_on() -> None:
    server = serving()
    stream = _request(server, 1)
    server.send_data(stream, bytes(100_000))
    server.send_headers(stream, TRAILERS, end=True)
    assert _bodies(server.take(1 << 20)) == {1: 65_535}
    assert not server.ready
    server.receive(frames.window_update(1, 50_000) + frames.window_update(0, 10_000), 0.0)
    assert _bodies(server.take(1 << 20)) == {1: 10_000}
    server.receive(frames.window_update(0, 50_000), 0.0)
    output = sent(server.take(1 << 20))
    assert output[-1] == (FrameType.HEADERS, 5, 1, TRAILERS), "the trailers wait for the body"
    assert server.take_drained() == [stream]
    assert stream.closed


def test_a_window_made_negative_must_be_paid_back_first() -> None:
    server = serving()
    stream = _request(server, 1)
    server.send_data(stream, bytes(60_000))
    assert _bodies(server.take(1 << 20)) == {1: 60_000}
    server.receive(_initial_window(10_000), 0.0)
    assert stream.send_window == 10_000 - 60_000
    server.send_data(stream, b"abc")
    server.receive(frames.window_update(1, 50_000), 0.0)
    assert _bodies(server.take(1 << 20)) == {}, "zero is not open"
    server.receive(frames.window_update(1, 2), 0.0)
    assert _bodies(server.take(1 << 20)) == {1: 2}


def test_an_end_needs_no_window() -> None:
    server = serving()
    server.receive(_initial_window(0), 0.0)
    server.take(0)
    stream = _request(server, 1)
    server.send_data(stream, b"", end=True)
    assert sent(server.take(1 << 20)) == [(FrameType.DATA, frames.END_STREAM, 1, b"")]


def test_streams_take_turns() -> None:
    server = serving()
    server.receive(_initial_window(1 << 20) + frames.window_update(0, 1 << 20), 0.0)
    first, second = _request(server, 1), _request(server, 3)
    server.send_data(first, bytes(200_000))
    server.send_data(second, bytes(20_000))
    output = server.take(70_000)
    assert set(_bodies(output)) == {1, 3}, "a long body does not hold up a short one"
    assert _bodies(output)[3] == 20_000
    assert len(output) < 70_000 + frames.DEFAULT_FRAME_SIZE + 100, "and take keeps to its budget"


def test_settings_that_overflow_a_window() -> None:
    server = serving()
    stream = _request(server, 1)
    server.receive(frames.window_update(1, frames.MAX_WINDOW - stream.send_window), 0.0)
    failure = only(server.receive(_initial_window(65_536), 0.0), http2.ConnectionFailed)
    assert failure.code == http2.ErrorCode.FLOW_CONTROL_ERROR


def test_the_peer_may_not_overrun_a_stream() -> None:
    server = serving(http2.Limits(stream_window=65_535, connection_window=131_070))
    server.receive(headers(1), 0.0)
    server.receive(data(1, bytes(16_384)) * 3 + data(1, bytes(16_383)), 0.0)
    reset = only(server.receive(data(1, b"x"), 0.0), http2.StreamReset)
    assert reset.code == http2.ErrorCode.FLOW_CONTROL_ERROR
    assert not server.failed


def test_the_peer_may_not_overrun_the_connection() -> None:
    server = serving(http2.Limits(stream_window=131_070, connection_window=65_535))
    server.receive(headers(1), 0.0)
    server.receive(data(1, bytes(16_384)) * 3 + data(1, bytes(16_383)), 0.0)
    failure = only(server.receive(data(1, b"x"), 0.0), http2.ConnectionFailed)
    assert failure.code == http2.ErrorCode.FLOW_CONTROL_ERROR


@pytest.mark.parametrize("step", [1_000, 40_000])
def test_windows_open_again_in_batches(step: int) -> None:
    server = serving(http2.Limits(stream_window=65_535, connection_window=65_535))
    stream = only(server.receive(headers(1), 0.0), http2.RequestReceived).stream
    taken = 0
    updates = []
    while taken < 65_535 // 2 + 1:
        size = min(step, 16_384)
        server.receive(data(1, bytes(size)), 0.0)
        server.acknowledge(stream, size)
        taken += size
        updates += sent(server.take(0))
    assert [(kind, stream_id) for kind, _, stream_id, _ in updates] == [
        (FrameType.WINDOW_UPDATE, 0),
        (FrameType.WINDOW_UPDATE, 1),
    ]
    assert {int.from_bytes(payload, "big") for _, _, _, payload in updates} == {taken}


def test_padding_and_late_data_are_given_back() -> None:
    """A thousand windows' worth of padding, and of data on a stream we reset, blocks nothing."""
    server = serving(http2.Limits(stream_window=65_535, connection_window=65_535))
    stream = only(server.receive(headers(1), 0.0), http2.RequestReceived).stream
    padded = frame(FrameType.DATA, frames.PADDED, 1, bytes([200]) + b"x" + bytes(200))
    for _ in range(700):
        body = only(server.receive(padded, 0.0), http2.DataReceived)
        server.acknowledge(stream, len(body.data))
    server.reset(stream, http2.ErrorCode.CANCEL)
    for _ in range(12):
        assert server.receive(data(1, bytes(16_384)), 0.0) == []
    assert ("GOAWAY", 3) not in codes(server.take(0))


def test_a_ping_is_answered_with_what_is_sent_next() -> None:
    server = serving()
    server.receive(frames.ping(b"12345678"), 0.0)
    assert (server.ready, server.busy, server.acknowledges) == (False, False, True)
    stream = _request(server, 1)
    assert not server.acknowledges, "it went along"
    server.receive(frames.ping(b"87654321"), 0.0)
    server.send_headers(stream, TRAILERS, end=True)
    kinds = [(kind, flags, payload) for kind, flags, _, payload in sent(server.take(0))]
    assert kinds == [(FrameType.HEADERS, 5, TRAILERS), (FrameType.PING, 1, b"87654321")]
    assert not server.take(0)
