"""Signals that a command hears."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING, Any, Callable, Dict, Iterable

if TYPE_CHECKING:
    Handler = Callable[[int, Any], Any]

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def hear(numbers: Iterable[signal.Signals], handler: Handler) -> Dict[signal.Signals, Any]:
    """Have them handled, but those that are ignored, as by nohup; gives what was before."""
    heard = [one for one in numbers if signal.getsignal(one) is not signal.SIG_IGN]
    return {one: signal.signal(one, handler) for one in heard}
