"""Our HPACK decoder beside the `hpack` library's: block after block, the same of each."""

import hpack
import pytest
from hpack.exceptions import HPACKError, OversizedHeaderListError
from hypothesis import given, settings
from hypothesis import strategies as st

from shim.http2.decoder import LARGEST_TABLE, Decoder, OversizedError, UndecodableError

_LONGEST = 2_000
_MANY = 500
NAMES = st.sampled_from([b":path", b"te", b"grpc-timeout", b"x-key"]) | st.binary(max_size=40)
VALUES = st.sampled_from([b"trailers", b"90S", b"x" * 200]) | st.binary(max_size=200)
FIELDS = st.lists(st.tuples(NAMES, VALUES), max_size=8)


def theirs(decoder: hpack.Decoder, block: bytes) -> object:
    try:
        return [tuple(field) for field in decoder.decode(block, raw=True)]
    except OversizedHeaderListError:
        return OversizedError
    except HPACKError:
        return UndecodableError


def ours(decoder: Decoder, block: bytes) -> object:
    try:
        return decoder.decode(block)
    except (OversizedError, UndecodableError) as error:
        return type(error)


def compare(blocks: list[bytes]) -> list[object]:
    """What either finds in `blocks`, up to the first that costs the context."""
    library, decoder = hpack.Decoder(_LONGEST), Decoder(_LONGEST)
    found = []
    for block in blocks:
        found.append(ours(decoder, block))
        assert found[-1] == theirs(library, block)
        assert list(decoder._entries) == list(library.header_table.dynamic_entries)
        if isinstance(found[-1], type):
            break
    return found


@given(st.lists(st.tuples(FIELDS, st.booleans(), st.booleans(), st.integers(0, 4_096)), max_size=8))
@settings(max_examples=_MANY)
def test_what_an_encoder_sends(
    sent: list[tuple[list[tuple[bytes, bytes]], bool, bool, int]],
) -> None:
    encoder = hpack.Encoder()
    blocks = []
    for fields, huffman, resized, size in sent:
        if resized:
            encoder.header_table_size = size
        blocks.append(encoder.encode(fields, huffman=huffman))
    found = compare(blocks)
    assert found[-1:] == [OversizedError] or found == [fields for fields, *_ in sent]


_PIECES = st.one_of(
    st.binary(max_size=6),
    st.integers(0, 255).map(lambda byte: bytes([byte])),
    st.sampled_from([b"\x7f", b"\xff", b"\x3f", b"\x0f", b"\x1f", b"\x80\x80", b"\x00"]),
    st.tuples(st.sampled_from([0x00, 0x10, 0x40]), NAMES, VALUES).map(
        lambda literal: (
            bytes([literal[0], len(literal[1])])
            + literal[1]
            + (
                b"\x7f"
                + bytes([0x80 + (len(literal[2]) - 127) % 128, (len(literal[2]) - 127) // 128])
            )
            + literal[2]
            if len(literal[2]) >= 127
            else bytes([literal[0], len(literal[1])])
            + literal[1]
            + bytes([len(literal[2])])
            + literal[2]
        )
    ),
)


@given(st.lists(st.lists(_PIECES, max_size=8).map(b"".join), min_size=1, max_size=6))
@settings(max_examples=_MANY)
def test_anything_at_all(blocks: list[bytes]) -> None:
    compare(blocks)


@given(FIELDS, st.booleans(), st.data())
@settings(max_examples=_MANY)
def test_what_was_damaged_on_the_way(
    fields: list[tuple[bytes, bytes]], huffman: bool, data: st.DataObject
) -> None:
    block = bytearray(hpack.Encoder().encode([*fields, (b"x-end", b"of it")], huffman=huffman))
    place = data.draw(st.integers(0, len(block) - 1))
    block[place] = data.draw(st.integers(0, 255))
    del block[data.draw(st.integers(0, len(block))) :]
    compare([bytes(block), bytes(block)])


@pytest.mark.parametrize(
    ("block", "found"),
    [
        (b"", []),
        (b"\x82", [(b":method", b"GET")]),
        (b"\x80", UndecodableError),
        (b"\xbe", UndecodableError),
        (b"\xff", UndecodableError),
        (b"\x82\x20", UndecodableError),
        (b"\x20\x20\x82", [(b":method", b"GET")]),
        (b"\x3f\xe2\x1f\x82", UndecodableError),
        (b"\x3f\xe1\x1f\x82", [(b":method", b"GET")]),
        (b"\x00\x01a\x05b", UndecodableError),
        (b"\x00\x01a\x7f\x80\x80\x80\x80\x80\x00", UndecodableError),
        (b"\x00\x01a\x01", UndecodableError),
        (b"\x00\x01a\x81\xff", UndecodableError),
        (b"\x00\x01a\x81\x1f", [(b"a", b"a")]),
        (b"\x8f" * 100, OversizedError),
    ],
)
def test_by_hand(block: bytes, found: object) -> None:
    assert compare([block]) == [found]


def test_an_entry_larger_than_the_table_empties_it() -> None:
    value = b"v" * LARGEST_TABLE
    large = b"\x40\x01k\x7f\x81\x1f" + value
    library, decoder = hpack.Decoder(), Decoder(1 << 16)
    for block in (b"\x40\x01a\x01b", large):
        assert ours(decoder, block) == theirs(library, block)
    assert not decoder._entries
    assert ours(decoder, b"\xbe") is UndecodableError
