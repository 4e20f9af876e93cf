"""Durations as Vault's users write them: ``30``, ``"30s"``, ``"1h30m"``, ``"1d"``.

Everything here is whole seconds; a fraction is cut off, as Vault's
``TypeDurationSecond`` does.
"""

from __future__ import annotations

import re

NANOSECONDS = 1_000_000_000
_LONGEST_TEXT = 100  # characters; a body of many megabytes could be all units
LONGEST = (2**63 - 1) // NANOSECONDS  # seconds; a Go Duration is an int64 of nanoseconds

_UNITS = {
    "ns": 1,
    "us": 1_000,
    "µs": 1_000,
    "ms": 1_000_000,
    "s": NANOSECONDS,
    "m": 60 * NANOSECONDS,
    "h": 3600 * NANOSECONDS,
    "d": 86400 * NANOSECONDS,
}
_DIGITS = 19  # behind a point, at most
_SECOND = NANOSECONDS * 10**_DIGITS  # all is added up in what the last of them may tell of
_NUMBER = rf"(?:[0-9]{{1,19}}(?:\.[0-9]{{0,{_DIGITS}}})?|\.[0-9]{{1,{_DIGITS}}})"
_PART = re.compile(rf"({_NUMBER})(ns|us|µs|ms|s|m|h|d)")
_WHOLE = re.compile(rf"([+-]?)(?:({_NUMBER})|((?:{_NUMBER}(?:ns|us|µs|ms|s|m|h|d))+))")


def parse(raw: str | int | float) -> int:
    """Seconds in `raw`: a number of seconds, or text with units; empty text is 0.

    Raises ValueError when it is no duration or longer than a Go Duration holds (292 years).
    """
    text = raw.strip() if isinstance(raw, str) else repr(raw)
    if not text:
        return 0
    match = _WHOLE.fullmatch(text) if len(text) <= _LONGEST_TEXT else None
    if match is None:
        raise ValueError("not a duration")
    sign, number, parts = match.groups()
    found = [(number, "s")] if number else _PART.findall(parts)
    total = sum(_exact(part, unit) for part, unit in found)
    if total > LONGEST * _SECOND:
        raise ValueError("longer than 292 years")
    seconds: int = total // _SECOND
    return -seconds if sign == "-" else seconds


def _exact(number: str, unit: str) -> int:
    whole, _, fraction = number.partition(".")
    return int(whole + fraction.ljust(_DIGITS, "0")) * _UNITS[unit]


def show(seconds: int) -> str:
    """`seconds` as Go prints a Duration: ``20m0s``, ``768h0m0s``."""
    sign, rest = ("-", -seconds) if seconds < 0 else ("", seconds)
    minutes, second = divmod(rest, 60)
    hours, minute = divmod(minutes, 60)
    if hours:
        return f"{sign}{hours}h{minute}m{second}s"
    if minute:
        return f"{sign}{minute}m{second}s"
    return f"{sign}{second}s"
