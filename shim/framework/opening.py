"""What the first bytes of a long request tell: what is asked, of which path, with how large a body.

``pb.HandleRequestArgs`` and ``pb.HandleExistenceCheckArgs`` begin alike, and the host writes fields
in the order of their numbers: operation and path stand before the body.
"""

from __future__ import annotations

from typing import Final, NamedTuple

_VARINT, _SIZED = 0, 2  # wire types
_REQUEST: Final = 2  # the field of the arguments
_OPERATION, _PATH, _DATA = 3, 4, 5  # of the request


class Opening(NamedTuple):
    """The beginning of a request; `size` is that of its body in bytes."""

    operation: str
    path: str
    size: int


def read(head: bytes) -> Opening | None:
    """What `head` tells; None where it is too short, or another order of fields keeps it back."""
    try:
        return _read(head)
    except (IndexError, UnicodeDecodeError):
        return None


def _read(head: bytes) -> Opening | None:
    at = 0
    while True:  # the arguments
        key, at = _varint(head, at)
        if key == _REQUEST << 3 | _SIZED:
            _, at = _varint(head, at)
            break
        if key & 7 != _VARINT:
            return None
        _, at = _varint(head, at)
    texts: dict[int, str] = {}
    while True:  # the request, texts up to its body
        key, at = _varint(head, at)
        size, at = _varint(head, at)
        field = key >> 3
        if key & 7 != _SIZED or field > _DATA:
            return None
        if field == _DATA:
            return Opening(texts.get(_OPERATION, ""), texts.get(_PATH, ""), size)
        if at + size > len(head):
            return None
        texts[field] = head[at : at + size].decode()
        at += size


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """The number at `at`, and where the next thing is. Raises IndexError beyond the end."""
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
