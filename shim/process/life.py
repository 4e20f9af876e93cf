"""When the process has to end: the host says so, or is no longer there to say it."""

from __future__ import annotations

import asyncio
import logging
from typing import Final

log = logging.getLogger(__name__)

#: seconds from the handshake line to the first connection; the host itself waits 60 for the line
PATIENCE: Final = 75.0
#: seconds from a SIGTERM to the end of a process whose host is still there: it is ending as well,
#: and goes on revoking leases until it does
FAREWELL: Final = 30.0
#: seconds between the end of the host's stream and the Shutdown that follows it
_LAST_WORDS: Final = 1.0


class Life:
    """Sets `over` once, for the first reason that comes. Made inside the running loop."""

    def __init__(self, farewell: float = FAREWELL) -> None:
        self.over = asyncio.Event()
        self._farewell = farewell
        self._dismissed = False
        self._unvisited: asyncio.TimerHandle | None = None

    def begin(self, patience: float) -> None:
        """Wait `patience` seconds from now for the host to connect."""
        self._unvisited = asyncio.get_running_loop().call_later(
            patience, self.end, "the host did not connect"
        )

    def end(self, reason: str, *, asked: bool = False) -> None:
        """Let the process end in good order; `asked`: by the host, as it should be."""
        if not self.over.is_set():
            log.log(logging.DEBUG if asked else logging.WARNING, "stopping: %s", reason)
            self.over.set()

    def dismiss(self) -> None:
        """Serve on until the host is gone, but not for ever: a SIGTERM came, and to it as well."""
        if not self._dismissed:
            self._dismissed = True
            log.info("SIGTERM: serving until the host is gone, %g s at most", self._farewell)
            asyncio.get_running_loop().call_later(self._farewell, self.end, "SIGTERM")

    def connections(self, number: int) -> None:
        """Take note of how many connections there are: after the first, none means no host."""
        if self._unvisited is not None:
            self._unvisited.cancel()
        if number == 0:
            self.end("the host's last connection is gone")

    def host_left(self) -> None:
        """Take note that the host closed its broker stream: its Shutdown should follow."""
        asyncio.get_running_loop().call_later(_LAST_WORDS, self.end, "the host closed its stream")
