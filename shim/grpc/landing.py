"""Where what comes from a socket lands: one buffer for each thread that runs a loop."""

from __future__ import annotations

import threading
from typing import Final

#: bytes taken from a socket at once
_READ: Final = 64 << 10


class _Landing(threading.local):
    """Where all sockets of a loop's thread put what has come: it is taken before the next reads.

    A buffer for each would be resident for each, and asyncio's way without one, a new object of
    256 KiB for each read, costs ten times as much as the read.
    """

    def __init__(self) -> None:
        self.buffer = memoryview(bytearray(_READ))


LANDING: Final = _Landing()
