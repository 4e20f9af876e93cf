"""What becomes of the sources when a process exits, is told to end, or forks."""

from __future__ import annotations

import atexit
import os
import signal
import threading
import weakref
from multiprocessing import parent_process, util
from typing import TYPE_CHECKING, Dict, List, Optional

from pachyderm_vault.clock import now
from pachyderm_vault.keeper import KEEPER

if TYPE_CHECKING:
    from types import FrameType

    from pachyderm_vault.leasing import Leasing
    from pachyderm_vault.source import TokenSource

PATIENCE = 5.0  # seconds that all sources together have to end

# What looks at these makes a list first, in one step: other threads change them meanwhile.
_sources: weakref.WeakValueDictionary[int, TokenSource] = weakref.WeakValueDictionary()
_left: Dict[int, Leasing] = {}  # what sources had that nobody holds any more


def watch(source: TokenSource, leasing: Leasing) -> weakref.finalize:  # type: ignore[type-arg]
    """Close this one at the end, and revoke then what it leaves behind if it is forgotten before.

    Gives what to detach once it is closed.
    """
    for key, left in list(_left.items()):
        if not left.living:
            _left.pop(key, None)
    _sources[id(source)] = source
    watched = weakref.finalize(source, _forgotten, leasing)
    watched.atexit = False
    return watched


def _forgotten(leasing: Leasing) -> None:
    """Nobody holds its source any more. Called at any time, in any thread: it may wait for none."""
    leasing.session.users.discard(leasing)
    _left[id(leasing)] = leasing


def close_all(patience: float = PATIENCE) -> None:
    """Close every source of this process, within `patience` seconds."""
    deadline = now() + patience
    for source in _living():
        source.close(timeout=max(0.0, deadline - now()))
    for key, leasing in list(_left.items()):
        leasing.close(max(0.0, deadline - now()))
        _left.pop(key, None)


def _living() -> List[TokenSource]:
    found = (reference() for reference in _sources.valuerefs())
    return [source for source in found if source is not None]


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
    _left.clear()
    sources = _living()
    for session in {source.session for source in sources}:
        session.forked()
    for source in sources:
        source.forked()


def _at_exit_of_a_worker(_: object = None) -> None:
    """The workers of multiprocessing call nothing of atexit's."""
    util.Finalize(None, close_all, exitpriority=0)


atexit.register(close_all)
util.register_after_fork(close_all, _at_exit_of_a_worker)
if parent_process() is not None:
    _at_exit_of_a_worker()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)
