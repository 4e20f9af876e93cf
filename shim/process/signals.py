"""Signals: which of them are the server's affair and not the plugin's.

What is meant for the server reaches the plugin as well, which is in its process group: from a
terminal, from an init that passes on what it gets, from ``pkill``. A plugin written in Go takes no
notice of any of these.
"""

from __future__ import annotations

import signal
from typing import Final

#: those whose default is to end or to stop a process, but for the faults, SIGTERM, and SIGPROF,
#: which the watchdog needs as it is; SIGALRM is its, too, once it runs
IGNORED: Final = (
    signal.SIGHUP,
    signal.SIGINT,
    signal.SIGQUIT,
    signal.SIGUSR1,
    signal.SIGUSR2,
    signal.SIGTSTP,
    signal.SIGTTIN,
    signal.SIGTTOU,
    signal.SIGALRM,
    signal.SIGVTALRM,
    signal.SIGIO,
    signal.SIGPWR,
)
#: waits until there is a loop that can handle it
_HELD: Final = {signal.SIGTERM}


def leave_alone() -> None:
    """Take no notice of `IGNORED` from now on, and of SIGTERM not before `hear_term`."""
    for number in IGNORED:
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_BLOCK, _HELD)


def hear_term() -> None:
    """Let a SIGTERM through, one that came meanwhile too: its handler is in place."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _HELD)
