"""Moments as answers show them."""

from __future__ import annotations

from datetime import UTC, datetime

_FIRST = int(datetime(1, 1, 1, tzinfo=UTC).timestamp())
_LAST = int(datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC).timestamp())


def show(unix_seconds: float) -> str:
    """RFC 3339 in whole seconds of UTC, such as ``2026-01-31T12:00:00Z``.

    It has four digits for a year: what lies beyond is shown as its last second, or its first.
    """
    seconds = min(max(int(unix_seconds), _FIRST), _LAST)
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")
