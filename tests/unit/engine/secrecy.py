"""Finds a token where none may be."""

from __future__ import annotations

import re

# A UUID of version 4 without dashes, as both generations of pachd make their tokens. One in 64 of
# the random ends of ephemeral robots' names looks like that; the tests name those robot:ci-.
TOKEN = re.compile(r"(?<!robot:ci-)[0-9a-f]{12}4[0-9a-f]{3}[89ab][0-9a-f]{15}")


def check(text: str) -> None:
    """Fail when `text` holds a token, without printing it."""
    found = TOKEN.search(text)
    if found is not None:
        raise AssertionError(f"a token is shown: {text.replace(found[0], '<TOKEN>')}")


def check_error(error: BaseException | None) -> None:
    """Check an error with all that led to it."""
    while error is not None:
        check(f"{error} {error!r} {error.args!r} {getattr(error, '__notes__', '')}")
        error = error.__cause__ or error.__context__
