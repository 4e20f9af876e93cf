"""The thread that renews ahead of time: one for all sources of a process."""

from __future__ import annotations

import math
import threading
import weakref
from typing import TYPE_CHECKING, List, Optional

from pachyderm_vault.clock import now

if TYPE_CHECKING:
    from pachyderm_vault.source import TokenSource

LONGEST = 60.0  # seconds between two looks: a machine that slept has other times than it thought
SLOW = 1.0  # seconds after which a Vault that dawdles has others looked at again
BUSY = 0.1  # seconds until another look at a source whose lock somebody holds


class Keeper:
    """Sees to every source it was given when that is due, until it is removed or forgotten.

    It begins a thread with the first source and ends it with the last. Sources that nobody else
    holds any more are let go.
    """

    def __init__(self) -> None:
        self.forked()

    def forked(self) -> None:
        """In a child process there is no thread yet."""
        self._sources: weakref.WeakSet[TokenSource] = weakref.WeakSet()
        self._changed = threading.Condition()
        self._thread: Optional[threading.Thread] = None

    def add(self, source: TokenSource) -> None:
        """See to this one, too."""
        with self._changed:
            self._sources.add(source)
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._run, name="pachyderm-vault", daemon=True
                )
                self._thread.start()
            self._changed.notify()

    def remove(self, source: TokenSource) -> None:
        """See to it no more."""
        with self._changed:
            self._sources.discard(source)
            self._changed.notify()

    def _run(self) -> None:
        while True:
            with self._changed:
                wait = min((source.due for source in self._sources), default=math.inf) - now()
                if not len(self._sources):
                    self._thread = None
                    return
                if wait > 0:
                    self._changed.wait(min(wait, LONGEST))
                due = [source for source in self._sources if source.due <= now()]
            self._see_to(due)
            del due

    def _see_to(self, due: List[TokenSource]) -> None:
        began = now()
        for source in sorted(due, key=lambda source: source.over):
            source.keep_alive()
            if now() > began + SLOW:
                return  # meanwhile others may have become more urgent
        if any(source.due <= now() for source in due):
            with self._changed:
                self._changed.wait(BUSY)


KEEPER = Keeper()
