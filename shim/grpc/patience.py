"""How long a server may take to be reached."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Patience:
    """Bounds of a dial's steps, and of the whole of it. Seconds."""

    #: until the name's addresses are known
    lookup: float = 3.0
    #: until one of them has answered
    connect: float = 3.0
    #: until TLS is agreed on and the server's SETTINGS have come
    greeting: float = 3.0
    #: all of these, whatever each has left
    whole: float = 3.0
