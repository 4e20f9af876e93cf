"""Whatever comes, however cut: no exception out of the core, and memory within its limits."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from shim import http2
from shim.http2 import frames
from tests.unit.http2.wire import (
    CLIENT_GREETING,
    GREETING,
    REQUEST,
    RESPONSE,
    TRAILERS,
    core,
)

_LIMITS = http2.Limits(
    max_concurrent_streams=8,
    stream_window=65_535,
    connection_window=65_535,
    max_header_list=4_096,
    max_header_block=8_192,
    max_continuations=4,
    max_output=32_768,
    idle_frames=64,
    resets=16,
)

_payloads = st.one_of(
    st.binary(max_size=64),
    st.sampled_from([REQUEST, RESPONSE, TRAILERS, b"\0\0\0\0", b"\x7f\xff\xff\xff", b"\0" * 8]),
    st.binary(max_size=20).map(lambda tail: b"\x00\x04" + tail),
    st.integers(0, 16_384).map(bytes),
)
_frames = st.builds(
    frames.frame,
    st.integers(0, 11),
    st.one_of(st.sampled_from([0, 1, 4, 5, 8, 0x20, 0x2D]), st.integers(0, 255)),
    st.one_of(st.integers(0, 8), st.integers(0, frames.MAX_STREAM_ID)),
    _payloads,
)
_attack = st.one_of(st.binary(max_size=200), _frames)


def _cuts(blob: bytes, sizes: list[int]) -> list[bytes]:
    pieces = []
    position = 0
    for size in sizes:
        pieces.append(blob[position : position + size])
        position += size
    return [*pieces, blob[position:]]


def _held(connection: http2.Connection) -> int:
    """Bytes the core itself keeps for its peer."""
    inbound = connection._in
    block = inbound.exchange._open_block
    return (
        len(inbound.reader._partial)
        + (len(block.block) if block is not None else 0)
        + connection._out.size
        + sum(stream.queued for stream in connection.live.values())
    )


_MOST_HELD = (
    frames.HEADER_SIZE
    + frames.DEFAULT_FRAME_SIZE
    + _LIMITS.max_header_block
    + _LIMITS.max_output
    + 128  # a last GOAWAY
)


@settings(max_examples=400, deadline=None)
@given(
    role=st.sampled_from(http2.Role),
    polite=st.booleans(),
    attack=st.lists(_attack, max_size=40),
    sizes=st.lists(st.integers(0, 300), max_size=30),
    answering=st.booleans(),
)
def test_hostile_bytes(
    role: http2.Role, polite: bool, attack: list[bytes], sizes: list[int], answering: bool
) -> None:
    connection = core(role, _LIMITS)
    if role is http2.Role.CLIENT:
        for _ in range(3):
            stream = connection.open()
            connection.send_headers(stream, REQUEST)
            connection.send_data(stream, bytes(100_000), end=True)
        connection.take(0)
    greeting = CLIENT_GREETING if role is http2.Role.SERVER else GREETING
    blob = (greeting if polite else b"") + b"".join(attack)
    queued = sum(stream.queued for stream in connection.live.values())
    failed = False
    for now, piece in enumerate(_cuts(blob, sizes)):
        for event in connection.receive(piece, now / 1_000):
            assert not failed, "an event after the failure"
            failed = isinstance(event, http2.ConnectionFailed)
            if answering and isinstance(event, http2.RequestReceived):
                connection.send_headers(event.stream, RESPONSE)
                connection.send_headers(event.stream, TRAILERS, end=True)
        assert _held(connection) <= _MOST_HELD + queued
        assert len(connection.live) <= _LIMITS.max_concurrent_streams
        if answering:
            connection.take(4_096)
    assert connection.failed is failed


@settings(max_examples=200, deadline=None)
@given(
    bodies=st.lists(
        st.lists(st.binary(max_size=80_000).filter(bool), max_size=3), min_size=1, max_size=6
    ),
    window=st.integers(65_535, 100_000),
    to_server=st.lists(st.integers(1, 20_000), min_size=1, max_size=20),
    to_client=st.lists(st.integers(1, 20_000), min_size=1, max_size=20),
)
def test_round_trip_under_any_chunking(
    bodies: list[list[bytes]], window: int, to_server: list[int], to_client: list[int]
) -> None:
    """Every body goes to the server and comes back whole, whatever the pieces and windows."""
    limits = http2.Limits(stream_window=window, connection_window=window)
    client, server = core(http2.Role.CLIENT, limits), core(http2.Role.SERVER, limits)
    for body in bodies:
        stream = client.open()
        stream.owner = bytearray()
        client.send_headers(stream, REQUEST)
        for piece in body:
            client.send_data(stream, piece)
        client.send_data(stream, b"", end=True)
    wires: tuple[bytearray, bytearray] = (bytearray(), bytearray())
    back = {}
    turn = 0
    while client.ready or server.ready or any(wires):
        wires[0].extend(client.take(30_000))
        wires[1].extend(server.take(30_000))
        cut = to_server[turn % len(to_server)]
        for event in server.receive(bytes(wires[0][:cut]), 0.0):
            _echo(server, event)
        del wires[0][:cut]
        cut = to_client[turn % len(to_client)]
        for event in client.receive(bytes(wires[1][:cut]), 0.0):
            if isinstance(event, http2.DataReceived):
                event.stream.owner += event.data
                client.acknowledge(event.stream, len(event.data))
            elif isinstance(event, http2.TrailersReceived):
                back[event.stream.id] = bytes(event.stream.owner)
        del wires[1][:cut]
        turn += 1
    assert back == {2 * i + 1: b"".join(body) for i, body in enumerate(bodies)}
    assert not client.live
    assert not server.live


def _echo(server: http2.Connection, event: http2.Event) -> None:
    if isinstance(event, http2.RequestReceived):
        server.send_headers(event.stream, RESPONSE)
    elif isinstance(event, http2.DataReceived):
        server.acknowledge(event.stream, len(event.data))
        server.send_data(event.stream, bytes(event.data))
        if event.ended:
            server.send_headers(event.stream, TRAILERS, end=True)
    else:
        assert not isinstance(event, http2.ConnectionFailed | http2.StreamReset)
