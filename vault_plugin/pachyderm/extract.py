"""The answer to ExtractAuthTokens, which may be long: kept as it came, and read in slices."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Self

from google.protobuf.message import Message

from shim import BackendError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

LARGEST = 64 << 20  # bytes of an answer: half a million tokens
_SLICE = 32 << 10  # bytes decoded at once, about a millisecond's work
_LONGEST_FIELD = 1 << 20  # bytes; pachd takes subjects of some thousand characters
_LENGTH_DELIMITED = 2
_ENTRY = 0x0A  # the tag of a token: field 1, length-delimited
_FIXED = {1: 8, 5: 4}  # bytes by wire type


class RawAnswer(Message):
    """An answer that nobody has decoded."""

    def __init__(self, data: bytes | memoryview) -> None:
        self.data = memoryview(data)

    @classmethod
    def FromString(cls, s: bytes, /) -> Self:  # noqa: N802  protobuf's name
        """Keep the bytes; what they hold is found out by `slices`."""
        return cls(s)


async def slices(answer: RawAnswer) -> AsyncIterator[bytes]:
    """`answer` in pieces, each a message of the same type; other tasks run between them.

    Raises BackendError for bytes that are no message.
    """
    for piece in _pieces(answer.data):
        yield piece
        await asyncio.sleep(0)


def _pieces(data: memoryview) -> Iterator[bytes]:
    start = at = 0
    end = len(data)
    while at < end:
        # Most entries are of less than 128 bytes: the first two tell where they end.
        if at + 1 < end and data[at] == _ENTRY and data[at + 1] < 0x80:
            at += 2 + data[at + 1]
        else:
            at = _after_field(data, at)
        if at > end:
            raise malformed()
        if at - start >= _SLICE:
            yield bytes(data[start:at])
            start = at
    if start < at:
        yield bytes(data[start:at])


def _after_field(data: memoryview, at: int) -> int:
    """Where the field that begins at `at` ends."""
    tag, at = _varint(data, at)
    kind = tag & 7
    if kind == _LENGTH_DELIMITED:
        size, at = _varint(data, at)
        if size > _LONGEST_FIELD:
            raise malformed()
        at += size
    elif kind in _FIXED:
        at += _FIXED[kind]
    elif kind == 0:
        _, at = _varint(data, at)
    else:
        raise malformed()
    return at


def _varint(data: memoryview, at: int) -> tuple[int, int]:
    """The number at `at`, and where it ends."""
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(data):
            break
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise malformed()


def malformed() -> BackendError:
    """What to raise for bytes that are no list of tokens."""
    return BackendError("pachd's list of tokens cannot be read")
