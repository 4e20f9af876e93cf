"""A bundle of certificate authorities, as Go's `AppendCertsFromPEM` takes it."""

from __future__ import annotations

import base64
import contextlib
import re
import ssl

# Alone on their lines, without headers: a block with one has a colon in it.
_BLOCK = re.compile(
    r"^-----BEGIN CERTIFICATE-----[ \t]*\r?\n"
    r"([A-Za-z0-9+/= \t\r\n]*)"
    r"^-----END CERTIFICATE-----[ \t]*\r?$",
    re.MULTILINE,
)


def load(context: ssl.SSLContext, bundle: str) -> None:
    """Have `context` trust the certificates in `bundle`, PEM.

    Passed over is whatever else is there: words between the blocks, blocks of another kind, and
    those that hold no certificate. Raises ValueError where none is left.
    """
    found = False
    for block in _BLOCK.finditer(bundle):
        with contextlib.suppress(ValueError, ssl.SSLError):  # no base64, no certificate
            context.load_verify_locations(cadata=base64.b64decode("".join(block[1].split())))
            found = True
    if not found:
        raise ValueError("holds no certificate in PEM form")
