"""Moments as answers show them."""

from __future__ import annotations

from datetime import UTC, datetime


def show(unix_seconds: float) -> str:
    """RFC 3339 in whole seconds of UTC, such as ``2026-01-31T12:00:00Z``."""
    return datetime.fromtimestamp(int(unix_seconds), UTC).isoformat().replace("+00:00", "Z")
