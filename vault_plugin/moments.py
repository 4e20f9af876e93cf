"""Moments as answers show them."""

from __future__ import annotations

from datetime import UTC, datetime

_LAST = 253_402_300_799  # the last second of the year 9999


def show(unix_seconds: float) -> str:
    """RFC 3339 in whole seconds of UTC, such as ``2026-01-31T12:00:00Z``.

    What that cannot say, after the year 9999 or before 1970, is shown as the nearest it can.
    """
    shown = datetime.fromtimestamp(min(max(0, int(unix_seconds)), _LAST), UTC)
    return shown.isoformat().replace("+00:00", "Z")
