"""The receiving side of a connection's compression context (RFC 7541)."""

from __future__ import annotations

from collections import deque
from typing import Final, TypeAlias

from hpack.exceptions import HPACKDecodingError
from hpack.huffman_table import decode_huffman
from hpack.table import HeaderTable

#: a field as it is on the wire
RawField: TypeAlias = tuple[bytes, bytes]

#: bytes of the dynamic table; the default, which our SETTINGS leave as it is (section 4.2)
LARGEST_TABLE: Final = 4_096
#: what each field counts for beside its bytes (section 4.1, and RFC 9113 section 6.5.2)
OVERHEAD: Final = 32

_STATIC: Final[tuple[RawField, ...]] = ((b"", b""), *HeaderTable.STATIC_TABLE)  # counted from 1
_DYNAMIC: Final = len(_STATIC)  # the index of the newest entry of the dynamic table
_LONGEST_INTEGER: Final = 5  # bytes behind the prefix: enough for 32 bits


class UndecodableError(Exception):
    """The block is not HPACK, or not of this context, which is lost with it."""


class OversizedError(Exception):
    """The list is longer than allowed; the context is lost with it."""


class Decoder:
    """Decodes the blocks of one connection, in order.

    A list may have `longest` bytes, counted as SETTINGS_MAX_HEADER_LIST_SIZE says.
    """

    __slots__ = ("_entries", "_largest", "_longest", "_size", "changes")

    def __init__(self, longest: int) -> None:
        self._longest = longest
        self._entries: deque[RawField] = deque()  # the newest first
        self._size = 0
        self._largest = LARGEST_TABLE
        #: how often the table was changed
        self.changes = 0

    def decode(self, block: bytes) -> list[RawField]:
        """The fields of `block`. Raises UndecodableError, OversizedError."""
        try:
            return self._decode(block)
        except (IndexError, HPACKDecodingError) as error:
            raise UndecodableError from error

    def _decode(self, block: bytes) -> list[RawField]:
        fields: list[RawField] = []
        room = self._longest
        at = 0
        end = len(block)
        while at < end:
            first = block[at]
            at += 1
            if first & 0x80:  # a reference to a whole field (section 6.1)
                index = first & 0x7F
                if index == 0x7F:
                    index, at = _integer(block, at, index)
                field = self._entry(index)
            else:  # a literal, which enters the table (section 6.2.1) or not (6.2.2 and 6.2.3)
                indexed = first & 0x40
                if not indexed and first & 0x20:
                    at = self._resize(block, at, first & 0x1F, begun=bool(fields))
                    continue
                full = 0x3F if indexed else 0x0F
                index = first & full
                if index == full:
                    index, at = _integer(block, at, index)
                if index:
                    name = self._entry(index)[0]
                else:
                    name, at = _string(block, at)
                value, at = _string(block, at)
                field = name, value
                if indexed:
                    self._add(field)
            room -= len(field[0]) + len(field[1]) + OVERHEAD
            if room < 0:
                raise OversizedError
            fields.append(field)
        return fields

    def _entry(self, index: int) -> RawField:
        """What `index` refers to. Raises IndexError."""
        if index < _DYNAMIC:
            if not index:
                raise IndexError
            return _STATIC[index]
        return self._entries[index - _DYNAMIC]

    def _add(self, field: RawField) -> None:
        """Put `field` into the table; one that is too large for it empties it (section 4.4)."""
        self._entries.appendleft(field)
        self._size += len(field[0]) + len(field[1]) + OVERHEAD
        self._evict()

    def _evict(self) -> None:
        self.changes += 1
        while self._size > self._largest:
            name, value = self._entries.pop()
            self._size -= len(name) + len(value) + OVERHEAD

    def _resize(self, block: bytes, at: int, size: int, *, begun: bool) -> int:
        """Take a new size of the table (section 6.3), before any field alone (section 4.2)."""
        if size == 0x1F:
            size, at = _integer(block, at, size)
        if begun or size > LARGEST_TABLE:
            raise UndecodableError
        self._largest = size
        self._evict()
        return at


def _integer(block: bytes, at: int, value: int) -> tuple[int, int]:
    """The integer whose prefix is all ones, `value`; and where it ends (section 5.1)."""
    for shift in range(0, 7 * _LONGEST_INTEGER, 7):
        byte = block[at]
        at += 1
        value += (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise UndecodableError


def _string(block: bytes, at: int) -> tuple[bytes, int]:
    """A string literal, and where it ends (section 5.2)."""
    first = block[at]
    at += 1
    size = first & 0x7F
    if size == 0x7F:
        size, at = _integer(block, at, size)
    end = at + size
    if end > len(block):
        raise UndecodableError
    text = block[at:end]
    return (decode_huffman(text) if first & 0x80 else text), end
