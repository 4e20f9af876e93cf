"""Header fields: what a request, a response and trailers may hold (RFC 9113 section 8.2, 8.3).

Field values become `str` byte for byte (latin-1): RFC 9110 allows bytes above 0x7f in them and
gives them no meaning; the gRPC layer does.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from hpack.table import HeaderTable

if TYPE_CHECKING:
    from collections.abc import Iterable

#: names in lower case, pseudo fields first, order and repetition kept
Fields: TypeAlias = list[tuple[str, str]]


class Malformed(Exception):  # noqa: N818 - a finding about the peer's message
    """A field section that RFC 9113 section 8.1.1 calls malformed; the text says why."""


class Rule(NamedTuple):
    """The pseudo fields a section may have and those it must have, once each."""

    allowed: frozenset[str]
    required: frozenset[str]


REQUEST: Final = Rule(
    frozenset({":method", ":scheme", ":path", ":authority"}),
    frozenset({":method", ":scheme", ":path"}),
)
RESPONSE: Final = Rule(frozenset({":status"}), frozenset({":status"}))
TRAILERS: Final = Rule(frozenset(), frozenset())


_CONNECTION_SPECIFIC: Final = frozenset(
    {"connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade"}
)
_NAME: Final = re.compile(rb":?[!#$%&'*+\-.^_`|~0-9a-z]+")
_BAD_VALUE: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")

#: names that need no second look: those of HPACK's static table and of gRPC
_KNOWN: Final[dict[bytes, str]] = {
    name: name.decode("ascii")
    for name in {entry[0] for entry in HeaderTable.STATIC_TABLE}
    | {
        b"te",
        b"grpc-timeout",
        b"grpc-encoding",
        b"grpc-accept-encoding",
        b"grpc-status",
        b"grpc-message",
        b"multiplex_id",
    }
}


def read(rule: Rule, raw: Iterable[tuple[bytes, bytes]]) -> Fields:
    """Decode and check one section by its rule; raises `Malformed`."""
    allowed, required = rule
    fields: Fields = []
    pseudo: set[str] = set()
    regular = False
    for raw_name, raw_value in raw:
        name = _KNOWN.get(raw_name)
        if name is None:
            if not _NAME.fullmatch(raw_name):
                raise Malformed(f"field name {raw_name!r}")
            name = raw_name.decode("ascii")
        value = raw_value.decode("latin-1")
        if not value.isprintable() and _BAD_VALUE.search(value):
            raise Malformed(f"control character in the value of {name!r}")
        if name[0] == ":":
            if regular or name in pseudo or name not in allowed:
                raise Malformed(f"misplaced, repeated or unknown {name!r}")
            if not value and name == ":path":
                raise Malformed("empty ':path'")
            pseudo.add(name)
        else:
            regular = True
            if name in _CONNECTION_SPECIFIC or (name == "te" and value != "trailers"):
                raise Malformed(f"connection-specific field {name!r}")
        fields.append((name, value))
    if not pseudo >= required:
        missing = ", ".join(sorted(required - pseudo))
        raise Malformed(f"missing {missing}")
    return fields


class Section:
    """A decoded section; what it holds by a rule is checked once."""

    __slots__ = ("_fields", "_raw", "_rule")

    def __init__(self, raw: list[tuple[bytes, bytes]]) -> None:
        self._raw = raw
        self._rule: Rule | None = None
        self._fields: Fields = []

    def read(self, rule: Rule) -> Fields:
        """The fields, the same list each time; raises `Malformed`."""
        if self._rule is not rule:
            self._fields = read(rule, self._raw)
            self._rule = rule
        return self._fields


def content_length(fields: Fields) -> int | None:
    """The announced size of the body in bytes, None without one; raises `Malformed`."""
    found: str | None = None
    for name, value in fields:
        if name == "content-length":
            if (
                not (value.isascii() and value.isdigit())
                or len(value) > 18
                or found
                not in (
                    None,
                    value,
                )
            ):
                raise Malformed("content-length is not one number")
            found = value
    return None if found is None else int(found)


def status(fields: Fields) -> int:
    """The three-digit `:status` of a response; raises `Malformed`."""
    value = fields[0][1]  # the only pseudo field of a response stands first
    if len(value) != 3 or not (value.isascii() and value.isdigit()):
        raise Malformed("':status' is not three digits")
    return int(value)
