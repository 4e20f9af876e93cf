"""SETTINGS: the parameters, their bounds and defaults (RFC 9113 section 6.5.2)."""

from __future__ import annotations

from enum import IntEnum
from struct import Struct
from typing import TYPE_CHECKING, Final, NamedTuple

from shim.http2 import frames
from shim.http2.errors import ConnectionFault, ErrorCode

if TYPE_CHECKING:
    from collections.abc import Iterable


class Setting(IntEnum):
    """Identifiers of the parameters known here; any other is ignored."""

    HEADER_TABLE_SIZE = 0x1
    ENABLE_PUSH = 0x2
    MAX_CONCURRENT_STREAMS = 0x3
    INITIAL_WINDOW_SIZE = 0x4
    MAX_FRAME_SIZE = 0x5
    MAX_HEADER_LIST_SIZE = 0x6


class Bound(NamedTuple):
    """The values a parameter may take and the error a value outside of them is."""

    least: int
    most: int
    error: ErrorCode


_WORD_MAX: Final = (1 << 32) - 1
BOUNDS: Final = {
    Setting.ENABLE_PUSH: Bound(0, 1, ErrorCode.PROTOCOL_ERROR),
    Setting.INITIAL_WINDOW_SIZE: Bound(0, frames.MAX_WINDOW, ErrorCode.FLOW_CONTROL_ERROR),
    Setting.MAX_FRAME_SIZE: Bound(
        frames.DEFAULT_FRAME_SIZE, frames.MAX_FRAME_SIZE, ErrorCode.PROTOCOL_ERROR
    ),
}

#: what a sender has to keep
_KEPT: Final = {
    Setting.INITIAL_WINDOW_SIZE: "initial_window",
    Setting.MAX_CONCURRENT_STREAMS: "max_concurrent_streams",
    Setting.MAX_FRAME_SIZE: "max_frame_size",
}

_PAIR: Final = Struct(">HL")


def encode(values: Iterable[tuple[Setting, int]]) -> bytes:
    """The payload of a SETTINGS frame."""
    return b"".join(_PAIR.pack(key, value) for key, value in values)


def decode(payload: bytes) -> list[tuple[Setting, int]]:
    """The known parameters of a SETTINGS payload, in order, each within its bounds.

    Raises `ConnectionFault` for a length that is no multiple of six and a value out of bounds.
    """
    if len(payload) % _PAIR.size:
        raise ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, f"SETTINGS frame of {len(payload)} bytes")
    known: list[tuple[Setting, int]] = []
    for key, value in _PAIR.iter_unpack(payload):
        try:
            setting = Setting(key)
        except ValueError:
            continue
        bound = BOUNDS.get(setting)
        if bound is not None and not bound.least <= value <= bound.most:
            raise ConnectionFault(bound.error, f"SETTINGS {setting.name} of {value}")
        known.append((setting, value))
    return known


class PeerSettings:
    """What the peer last told us, or the protocol's defaults."""

    __slots__ = ("initial_window", "max_concurrent_streams", "max_frame_size")

    def __init__(self) -> None:
        self.initial_window = frames.DEFAULT_WINDOW
        self.max_concurrent_streams = _WORD_MAX
        self.max_frame_size = frames.DEFAULT_FRAME_SIZE

    def apply(self, setting: Setting, value: int) -> None:
        """Take one parameter over."""
        attribute = _KEPT.get(setting)
        if attribute is not None:
            setattr(self, attribute, value)
