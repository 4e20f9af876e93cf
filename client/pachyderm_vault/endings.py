"""What becomes of the sources when a process exits, is told to end, or forks."""

from __future__ import annotations

import atexit
import os
import signal
import threading
import weakref
from typing import TYPE_CHECKING, Optional

from pachyderm_vault.clock import now
from pachyderm_vault.keeper import KEEPER

if TYPE_CHECKING:
    from types import FrameType

    from pachyderm_vault.source import TokenSource

PATIENCE = 5.0  # seconds that all sources together have to end

_sources: weakref.WeakSet[TokenSource] = weakref.WeakSet()


def watch(source: TokenSource) -> None:
    """Close this one at the end."""
    _sources.add(source)


def forget(source: TokenSource) -> None:
    """It is closed."""
    _sources.discard(source)


def close_all(patience: float = PATIENCE) -> None:
    """Close every source of this process, within `patience` seconds."""
    deadline = now() + patience
    for source in list(_sources):
        source.close(timeout=max(0.5, deadline - now()))


def close_on_sigterm() -> None:
    """From now on SIGTERM first closes every source, and then does what it did before.

    Call it once, from the main thread, after handlers of your own are set.
    """
    before = signal.getsignal(signal.SIGTERM)

    def end(number: int, frame: Optional[FrameType]) -> None:
        # Not in this thread, which may have been interrupted with a lock in its hands.
        closing = threading.Thread(target=close_all, name="pachyderm-vault end", daemon=True)
        closing.start()
        closing.join(PATIENCE + 1)
        if callable(before):
            before(number, frame)
        elif before is not signal.SIG_IGN:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            os.kill(os.getpid(), signal.SIGTERM)

    signal.signal(signal.SIGTERM, end)


def _forked() -> None:
    KEEPER.forked()
    for session in {source.session for source in _sources}:
        session.forked()
    for source in _sources:
        source.forked()


atexit.register(close_all)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)
