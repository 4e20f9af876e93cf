"""Header blocks: what is remembered of them, and literals."""

from hpack import Decoder
from hypothesis import given
from hypothesis import strategies as st

from shim import http2
from tests.unit.http2.wire import headers, only, serving

_PSEUDO = b"\x83\x86\x84"  # POST, http, "/": references into the static table
_NEWEST = b"\xbe"  # a reference to what came into the table last


def _put(name: bytes, value: bytes) -> bytes:
    """A literal that enters the table."""
    return b"\x40" + bytes([len(name)]) + name + bytes([len(value)]) + value


def test_a_block_of_references_follows_the_table() -> None:
    server = serving()
    number = iter(range(1, 1_000, 2))

    def read(block: bytes) -> tuple[str, str]:
        received = server.receive(headers(next(number), block, end=True), 0.0)
        return only(received, http2.RequestReceived).fields[-1]

    for value in (b"one", b"two", b"three"):
        read(_PSEUDO + _put(b"x-key", value))
        for _ in range(3):
            assert read(_PSEUDO + _NEWEST) == ("x-key", value.decode())


def test_what_is_remembered_of_blocks_is_bounded() -> None:
    server = serving()
    decoder = server._in.exchange._decoder
    for number, path in enumerate(range(1_000)):
        block = _PSEUDO + bytes(0x8F + (path >> shift & 31) for shift in (0, 5))
        server.receive(headers(2 * number + 1, block, end=True), float(number))
        assert not server.failed
    assert 0 < len(decoder._sections) <= 64


def test_long_blocks_are_not_remembered() -> None:
    """A thousand references to one long value are short on the wire and long in memory."""
    server = serving()
    for number in range(1, 21, 2):
        block = _PSEUDO + bytes([0x8F + number]) * 100
        server.receive(headers(number, block, end=True), float(number))
    assert not server.failed
    assert not server._in.exchange._decoder._sections


TEXT = st.text(st.characters(min_codepoint=0x20, max_codepoint=0xFF), max_size=400)


@given(TEXT, TEXT)
def test_literals(name: str, value: str) -> None:
    block = http2.encode_literal(name, value)
    raw = (name.encode("latin-1"), value.encode("latin-1"))
    decoder = Decoder()
    assert [tuple(field) for field in decoder.decode(block, raw=True)] == [raw]
    assert not decoder.header_table.dynamic_entries
    assert block[0] == 0x10, "no intermediary may index it: tokens travel in them"
