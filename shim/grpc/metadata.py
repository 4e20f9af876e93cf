"""Metadata and the call's header fields: what is the user's, what is gRPC's own."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, TypeAlias

from shim.grpc.status import RpcError, Status

if TYPE_CHECKING:
    from shim.http2 import Fields

#: lower-case keys, repeatable; the value of a "-bin" key is its base64 text
Metadata: TypeAlias = Sequence[tuple[str, str]]

_RESERVED: Final = frozenset({"content-type", "te"})
_KEY: Final = re.compile(r"[0-9a-z_.\-]+")
_VALUE: Final = re.compile(r"[\x20-\x7e]*")


def user_metadata(fields: Fields) -> list[tuple[str, str]]:
    """The fields of a request that are the caller's metadata."""
    return [
        (name, value)
        for name, value in fields
        if name[0] != ":" and not name.startswith("grpc-") and name not in _RESERVED
    ]


def check_metadata(metadata: Metadata) -> None:
    """Check what a caller wants to send; raises RpcError(INTERNAL) as grpc-go does.

    Values stay out of the message: they may be tokens.
    """
    for name, value in metadata:
        if not _KEY.fullmatch(name) or name.startswith("grpc-") or name in _RESERVED:
            raise RpcError(
                Status.INTERNAL,
                f"header key {name!r} is reserved or has characters not in [0-9a-z-_.]",
            )
        if not _VALUE.fullmatch(value):
            raise RpcError(
                Status.INTERNAL,
                f"header key {name!r} contains value with non-printable ASCII characters",
            )


#: `grpc-timeout` units in seconds, finest first
_UNITS: Final = (("n", 1e-9), ("u", 1e-6), ("m", 1e-3), ("S", 1.0), ("M", 60.0), ("H", 3600.0))
_SECONDS: Final = dict(_UNITS)
_MOST: Final = 99_999_999


def encode_timeout(seconds: float) -> str:
    """`grpc-timeout`: at most eight digits of the finest unit that holds them, rounded up."""
    for unit, size in _UNITS[1:]:
        count = math.ceil(seconds / size)
        if count <= _MOST:
            return f"{max(count, 1)}{unit}"
    return f"{_MOST}H"


def decode_timeout(value: str) -> float:
    """Seconds of a `grpc-timeout`; raises ValueError in grpc-go's words."""
    if len(value) < 2:
        raise ValueError(f'transport: timeout string is too short: "{value}"')
    if len(value) > 9:
        raise ValueError(f'transport: timeout string is too long: "{value}"')
    size = _SECONDS.get(value[-1])
    if size is None:
        raise ValueError(f'transport: timeout unit is not recognized: "{value}"')
    digits = value[:-1]
    if not (digits.isascii() and digits.isdigit()):
        raise ValueError(f'transport: timeout is not a number: "{value}"')
    return int(digits) * size


def is_grpc(content_type: str) -> bool:
    """Whether a content-type is gRPC's, with or without a subtype."""
    rest = content_type.lower().removeprefix("application/grpc")
    return len(rest) < len(content_type) and rest[:1] in ("", "+", ";")
