"""A message sent at once is byte for byte what its pieces are."""

import struct

from hypothesis import given
from hypothesis import strategies as st

from shim import http2
from shim.http2.frames import FrameType, frame
from tests.unit.http2.wire import REQUEST, RESPONSE, TRAILERS, core, greeted, headers, only

_OTHER = b"o" * 1_000
_SIZES = st.sampled_from([0, 1, 1_000, 16_384, 16_385, 40_000])
_BODIES = st.lists(_SIZES.map(bytes), min_size=1, max_size=2).map(tuple)


def _sides(
    role: http2.Role, window: int, block: bytes
) -> tuple[http2.Connection, http2.Stream, http2.Stream]:
    """A core and two streams of it, where the peer grants each `window` bytes."""
    connection = greeted(role)
    connection.receive(frame(FrameType.SETTINGS, 0, 0, struct.pack(">HL", 4, window)), 0.0)
    if role is http2.Role.CLIENT:
        return connection, connection.open(), connection.open()
    first, second = (
        only(connection.receive(headers(n, end=True), 0.0), http2.RequestReceived).stream
        for n in (1, 3)
    )
    return connection, first, second


@given(
    st.sampled_from(http2.Role),
    _BODIES,
    st.booleans(),
    st.sampled_from([0, 10, 40_000, 90_000]),
    st.booleans(),
    st.sampled_from([RESPONSE, REQUEST * 1_000]),
)
def test_whole_and_in_pieces(
    role: http2.Role,
    body: tuple[bytes, ...],
    trailers: bool,
    window: int,
    first_block: bool,
    block: bytes,
) -> None:
    tail = TRAILERS if trailers else b""
    outputs = []
    for whole in (True, False):
        connection, stream, other = _sides(role, window, block)
        if not first_block:
            connection.send_headers(other, RESPONSE)
            connection.send_data(other, _OTHER)
        if whole:
            connection.send_whole(stream, block, body, tail)
        else:
            connection.send_headers(stream, block)
            for number, piece in enumerate(body, 1):
                connection.send_data(stream, piece, end=number == len(body) and not trailers)
            if trailers:
                connection.send_headers(stream, tail, end=True)
        if not first_block:
            connection.send_data(other, bytes(70_000))  # what is left of the windows
        output = bytes(connection.take(1 << 20))
        outputs.append((output, stream.state, stream.sent, stream.queued, connection.ready))
    assert outputs[0] == outputs[1]


def test_nothing_is_sent_on_what_is_over() -> None:
    connection, stream, _ = _sides(http2.Role.SERVER, 1_000, RESPONSE)
    connection.reset(stream, http2.ErrorCode.CANCEL)
    connection.take(0)
    connection.send_whole(stream, RESPONSE, (b"late",), TRAILERS)
    assert not connection.ready
    failed = core(http2.Role.CLIENT)
    stream = failed.open()
    failed.goodbye()
    failed.take(0)
    failed.send_whole(stream, REQUEST, (b"late",))
    assert not failed.ready
