"""Header blocks (HPACK), their CONTINUATION frames put together.

Our own blocks use only HPACK's static table and literals that are never indexed. So a block says
the same on every connection, in any order and beside any other: constant ones are encoded once,
and blocks are joined by `+`. A token in a header also never enters a compression context.
"""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING, Final

from hpack import Encoder
from hpack.hpack import encode_integer

from shim.http2.decoder import Decoder, OversizedError, UndecodableError
from shim.http2.errors import ConnectionFault, ErrorCode
from shim.http2.fields import Section

if TYPE_CHECKING:
    from collections.abc import Iterable

    from shim.http2.limits import Limits

# The library logs every block at DEBUG, values included. Tokens travel in them: never.
logging.getLogger("hpack").setLevel(logging.INFO)

_ENCODER: Final = Encoder()

#: sets the dynamic table's size to zero: the start of our first block on a connection, and of the
#: first one after the peer changed SETTINGS_HEADER_TABLE_SIZE (RFC 7541 section 4.2)
NO_TABLE: Final = b"\x20"

_REFERENCES: Final = re.compile(rb"[\x81-\xfe]*")


def encode(fields: Iterable[tuple[str, str]]) -> bytes:
    """The block of `fields`; values are latin-1, as `shim.http2.fields` reads them."""
    return b"".join(
        _ENCODER.add((name.encode("latin-1"), value.encode("latin-1")), True)
        for name, value in fields
    )


#: how many blocks of references, of up to so many bytes, are kept with what they mean: a peer that
#: calls has a few, of ten bytes or so, and sends them again and again
_KEPT: Final = 64
_LONGEST_KEPT: Final = 32


def encode_literal(name: str, value: str) -> bytes:
    """One field as `encode` gives it, for those that differ from call to call.

    Without the library's search for a place in its tables, where they never are, it takes a fifth
    of the time. A literal never to be indexed, with a new name (RFC 7541 section 6.2.3).
    """
    return b"\x10" + _text(name) + _text(value)


def _text(text: str) -> bytes:
    """A string literal, without Huffman coding (section 5.2)."""
    raw = text.encode("latin-1")
    size = len(raw)
    return (size.to_bytes(1, "big") if size < 0x7F else bytes(encode_integer(size, 7))) + raw


class OpenBlock:
    """A block whose END_HEADERS has not come yet: only its CONTINUATION may follow."""

    __slots__ = ("block", "ended", "frames", "stream_id")

    def __init__(self, stream_id: int, ended: bool, block: memoryview) -> None:
        self.stream_id = stream_id
        self.ended = ended
        self.block = bytearray(block)
        self.frames = 0

    def add(self, part: memoryview, limits: Limits) -> None:
        """Add a CONTINUATION's payload; raises `ConnectionFault` beyond the limits."""
        self.frames += 1
        self.block += part
        if self.frames > limits.max_continuations or len(self.block) > limits.max_header_block:
            raise ConnectionFault(ErrorCode.ENHANCE_YOUR_CALM, "header block too long")


class BlockDecoder:
    """What the header blocks of one connection say."""

    __slots__ = ("_changes", "_decoder", "_sections")

    def __init__(self, max_header_list: int) -> None:
        self._decoder = Decoder(max_header_list)
        self._changes = 0
        self._sections: dict[bytes, Section] = {}

    def decode(self, block: bytes) -> Section:
        """The fields of a block; the same object for one that came before.

        Raises `ConnectionFault`: after an error the context is lost, and the connection with it
        (RFC 9113 section 4.3).

        A peer that indexes sends mostly one-byte references, and the same of them for each call of
        a method. Such a block means the same until the table changes.
        """
        section = self._sections.get(block)
        if section is not None:
            return section
        try:
            section = Section(self._decoder.decode(block))
        except OversizedError as long:
            raise ConnectionFault(ErrorCode.ENHANCE_YOUR_CALM, "header list too long") from long
        except UndecodableError as wrong:
            raise ConnectionFault(
                ErrorCode.COMPRESSION_ERROR, "header block undecodable"
            ) from wrong
        if self._changes != self._decoder.changes:
            self._changes = self._decoder.changes
            self._sections.clear()
        elif (
            len(self._sections) < _KEPT
            and len(block) <= _LONGEST_KEPT
            and _REFERENCES.fullmatch(block)
        ):
            self._sections[block] = section
        return section
