"""Durations as Vault's users write them: ``30``, ``"30s"``, ``"1h30m"``, ``"1d"``.

Everything here is whole seconds; a fraction is cut off, as Vault's
``TypeDurationSecond`` does.
"""

from __future__ import annotations

import re
from fractions import Fraction

NANOSECONDS = 1_000_000_000
_LONGEST_TEXT = 100  # characters; a body of many megabytes could be all units
LONGEST = (2**63 - 1) // NANOSECONDS  # seconds; a Go Duration is an int64 of nanoseconds

_UNITS = {
    "ns": Fraction(1, 10**9),
    "us": Fraction(1, 10**6),
    "µs": Fraction(1, 10**6),
    "ms": Fraction(1, 10**3),
    "s": Fraction(1),
    "m": Fraction(60),
    "h": Fraction(3600),
    "d": Fraction(86400),
}
_NUMBER = r"(?:[0-9]{1,19}(?:\.[0-9]{0,19})?|\.[0-9]{1,19})"
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
    if number:
        total = Fraction(number)
    else:
        total = sum((Fraction(n) * _UNITS[u] for n, u in _PART.findall(parts)), Fraction())
    if total > LONGEST:
        raise ValueError("longer than 292 years")
    return int(-total if sign == "-" else total)


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
