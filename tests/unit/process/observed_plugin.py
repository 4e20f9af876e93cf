"""The engine's own process, which on SIGRTMIN tells the objects of Python that hold a token.

A token is told by the start of its SHA-256, a holder by its type.
"""

from __future__ import annotations

import gc
import hashlib
import logging
import re
import signal
from typing import Any

from vault_plugin.__main__ import main

TOKEN = re.compile(rb"[0-9a-f]{12}4[0-9a-f]{3}[89ab][0-9a-f]{15}")


def digest(token: str) -> str:
    """What stands for `token`."""
    return hashlib.sha256(token.encode()).hexdigest()[:12]


def holders() -> set[tuple[str, str]]:
    """Each token that a living object holds, with the object's type.

    The collector does not track an object that can be in no cycle, so references are followed.
    """
    found: set[tuple[str, str]] = set()
    seen: set[int] = set()
    waiting: list[Any] = gc.get_objects()
    while waiting:
        holder = waiting.pop()
        if id(holder) in seen or holder is waiting:
            continue
        seen.add(id(holder))
        for held in gc.get_referents(holder):
            if isinstance(held, str):
                text = held.encode(errors="replace")
            elif isinstance(held, bytes | bytearray):
                text = bytes(held)
            else:
                waiting.append(held)
                continue
            found.update(
                (digest(token.decode()), type(holder).__qualname__) for token in TOKEN.findall(text)
            )
    return found


def look(*_: object) -> None:
    """Log what `holders` finds."""
    log = logging.getLogger("observed")
    log.error("looked", extra={"held": sorted(" ".join(one) for one in holders())})


if __name__ == "__main__":
    signal.signal(signal.SIGRTMIN, look)
    main()
