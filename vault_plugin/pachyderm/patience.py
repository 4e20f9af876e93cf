"""How long pachd may take to be reached, of a call's time.

With the default request_timeout of 10 s one that is not reached is told within 5 s. Who sets a
longer one asks for more patience, as with a nameserver that is dead: the system asks the next one
after 5 s, and does so for each of the search domains.
"""

from __future__ import annotations

from shim.grpc import Patience

_LEAST = 3.0  # seconds, where request_timeout allows for them
_LONGEST_STEP = 8.0  # seconds to connect, and to agree on TLS and HTTP/2
# Shares of request_timeout. The call's own deadline, which names no step, comes last.
_LOOKUP, _STEP, _WHOLE, _MOST = 0.4, 0.3, 0.45, 0.9


def patience(request_timeout: float) -> Patience:
    """The bounds for calls that may take `request_timeout` seconds."""
    least = min(_LEAST, _MOST * request_timeout)
    step = min(max(_STEP * request_timeout, least), _LONGEST_STEP)
    return Patience(
        lookup=max(_LOOKUP * request_timeout, least),
        connect=step,
        greeting=step,
        whole=max(_WHOLE * request_timeout, least),
    )
