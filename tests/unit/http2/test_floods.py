"""Cheap frames in great number: cut off; the same beside real work: not."""

from __future__ import annotations

import pytest

from shim import http2
from shim.http2 import frames
from shim.http2.flood import Allowance
from shim.http2.frames import FrameType, frame
from tests.unit.http2.wire import (
    REQUEST,
    RESPONSE,
    TRAILERS,
    codes,
    data,
    greeted,
    headers,
    only,
    serving,
)

_SCANT = b"x" * 1_023
_FLOODS = {
    "PING": frames.ping(bytes(8)),
    "SETTINGS": frame(FrameType.SETTINGS, 0, 0),
    "SETTINGS ACK": frame(FrameType.SETTINGS, frames.ACK, 0),
    "PRIORITY": frame(FrameType.PRIORITY, 0, 9, bytes(5)),
    "WINDOW_UPDATE": frames.window_update(0, 1),
    "empty DATA": data(1, b""),
    "DATA of a byte": data(1, b"x"),
    "DATA of little": data(1, _SCANT),
    "padded DATA": frame(FrameType.DATA, frames.PADDED, 1, b"\xff" + bytes(1_000)),
    "unknown": frame(0x77, 0, 0),
}


@pytest.mark.parametrize("cheap", _FLOODS.values(), ids=_FLOODS)
def test_idle_frames(cheap: bytes) -> None:
    server = serving(http2.Limits(idle_frames=50, idle_frames_per_second=10))
    server.receive(headers(1), 0.0)
    assert not server.receive(cheap * 50, 0.0)[:-50]
    assert not server.failed
    server.receive(cheap * 10, 1.0)  # a second brings ten more
    assert not server.failed
    failure = server.receive(cheap, 1.0)[-1]
    assert isinstance(failure, http2.ConnectionFailed)
    assert failure.code == http2.ErrorCode.ENHANCE_YOUR_CALM


def test_pings_beside_work_are_no_flood() -> None:
    """grpc-go's bandwidth estimate: a PING and a WINDOW_UPDATE for each answer it gets."""
    server = serving(http2.Limits(idle_frames=50, idle_frames_per_second=0))
    for stream_id in range(1, 2_001, 2):
        stream = only(server.receive(headers(stream_id, end=True), 0.0), http2.RequestReceived)[0]
        server.send_headers(stream, RESPONSE)
        server.send_data(stream, b"answer")
        server.send_headers(stream, TRAILERS, end=True)
        server.receive(frames.ping(bytes(8)) + frames.window_update(0, 6), 0.0)
        server.take(0)
    assert not server.failed


@pytest.mark.parametrize("cheap", _FLOODS.values(), ids=_FLOODS)
def test_idle_frames_of_a_server(cheap: bytes) -> None:
    """Ours is the client, with a call under way, or just given up."""
    for given_up in (False, True):
        client = greeted(http2.Role.CLIENT, http2.Limits(idle_frames=50, idle_frames_per_second=0))
        stream = client.open()
        client.send_headers(stream, REQUEST, end=True)
        client.receive(headers(1, RESPONSE), 0.0)
        if given_up:
            client.reset(stream, http2.ErrorCode.CANCEL)
        client.receive(cheap * 50, 0.0)
        assert not client.failed
        failure = client.receive(cheap, 0.0)[-1]
        assert isinstance(failure, http2.ConnectionFailed)
        assert failure.code == http2.ErrorCode.ENHANCE_YOUR_CALM


def test_what_comes_behind_our_reset_is_bounded_whatever_its_size() -> None:
    client = greeted(http2.Role.CLIENT, http2.Limits(idle_frames=300, idle_frames_per_second=0))
    stream = client.open()
    client.send_headers(stream, REQUEST, end=True)
    client.receive(headers(1, RESPONSE), 0.0)
    client.reset(stream, http2.ErrorCode.CANCEL)
    whole_window = data(1, bytes(16_384)) * 256
    client.receive(whole_window, 0.0)
    assert not client.failed, "it may have been on its way"
    client.receive(whole_window, 0.0)
    assert client.failed


def test_a_body_in_frames_of_any_size_but_few_small_ones_is_work() -> None:
    """As a proxy hands it on: each whole frame, and what of it did not fit one buffer."""
    client = greeted(http2.Role.CLIENT, http2.Limits(idle_frames=5, idle_frames_per_second=0))
    stream = client.open()
    client.send_headers(stream, REQUEST, end=True)
    client.receive(headers(1, RESPONSE), 0.0)
    for _ in range(1_000):
        client.receive(data(1, bytes(16_375)) + data(1, bytes(9)), 0.0)
        client.acknowledge(stream, 16_384)
    assert not client.failed


def test_bytes_that_come_one_by_one() -> None:
    client = greeted(http2.Role.CLIENT, http2.Limits(idle_frames=50, idle_frames_per_second=0))
    for byte in data(1, bytes(16_384)):
        client.receive(bytes([byte]), 0.0)
    assert client.failed


def test_a_frame_in_segments_is_no_drip() -> None:
    server = serving(http2.Limits(idle_frames=5, idle_frames_per_second=0))
    server.receive(headers(1), 0.0)
    body = data(1, bytes(16_384)) * 100
    for start in range(0, len(body), 536):
        server.receive(body[start : start + 536], 0.0)
    assert not server.failed


def test_rapid_reset() -> None:
    server = serving(http2.Limits(resets=20, resets_per_second=0))
    attack = b"".join(headers(n) + frames.rst_stream(n, 8) for n in range(1, 43, 2))
    failure = server.receive(attack, 0.0)[-1]
    assert isinstance(failure, http2.ConnectionFailed)
    assert failure.code == http2.ErrorCode.ENHANCE_YOUR_CALM


def test_resets_we_are_made_to_send_count_too() -> None:
    server = serving(http2.Limits(resets=20, resets_per_second=0))
    attack = b"".join(headers(n, REQUEST + b"\x00\x01A\x01a") for n in range(1, 43, 2))
    assert isinstance(server.receive(attack, 0.0)[-1], http2.ConnectionFailed)


def test_finished_streams_excuse_resets() -> None:
    server = serving(http2.Limits(resets=5, resets_per_second=0))
    for n in range(1, 401, 4):
        stream = only(server.receive(headers(n, end=True), 0.0), http2.RequestReceived).stream
        server.send_headers(stream, RESPONSE, end=True)
        server.receive(headers(n + 2) + frames.rst_stream(n + 2, 8), 0.0)
    assert not server.failed


def test_continuation_flood() -> None:
    for part, count in ((b"", 40), (bytes(16_384), 6)):
        server = serving(http2.Limits(max_continuations=32, max_header_block=65_536))
        attack = frame(FrameType.HEADERS, 0, 1) + frame(FrameType.CONTINUATION, 0, 1, part) * count
        failure = only(server.receive(attack, 0.0), http2.ConnectionFailed)
        assert failure.code == http2.ErrorCode.ENHANCE_YOUR_CALM


def test_header_bombs() -> None:
    """A field of 4,000 bytes put in the table once, then named by one byte again and again."""
    entry = b"\x40\x01a" + b"\x7f\xa1\x1e" + b"b" * 4_000
    for block in (
        REQUEST + entry + b"\xbe" * 100,
        REQUEST + b"\x00\x01a\x7f\xad\x7e" + bytes(16_300),
    ):
        server = serving(http2.Limits(max_header_list=16_000))
        failure = only(server.receive(headers(1, block), 0.0), http2.ConnectionFailed)
        assert failure.code == http2.ErrorCode.ENHANCE_YOUR_CALM


def test_a_peer_that_reads_none_of_our_replies() -> None:
    server = serving(http2.Limits(max_output=1_000, idle_frames=1_000))
    failure = only(server.receive(frames.ping(bytes(8)) * 100, 0.0), http2.ConnectionFailed)
    assert failure.reason == "the peer does not read"


def test_streams_beyond_the_limit_are_refused() -> None:
    server = serving(http2.Limits(max_concurrent_streams=2))
    server.receive(headers(1) + headers(3) + headers(5), 0.0)
    assert codes(server.take(0)) == [("RST_STREAM", http2.ErrorCode.REFUSED_STREAM)]
    assert set(server.live) == {1, 3}


def test_an_allowance_never_exceeds_its_most() -> None:
    allowance = Allowance(2, 1.0, 0.0)
    allowance.earn(100)
    assert [allowance.spend(0.0) for _ in range(3)] == [True, True, False]
    assert [allowance.spend(1_000.0) for _ in range(3)] == [True, True, False]
