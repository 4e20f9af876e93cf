"""A host in memory, for the unit tests of engines: what Vault does to a mount, in milliseconds.

It is no part of a built plugin.
"""

from shim.testing.clock import Clock
from shim.testing.held import Held, NotRenewed
from shim.testing.host import Caller, MemoryHost
from shim.testing.services import DOWN, Services
from shim.testing.status import status_of

__all__ = [
    "DOWN",
    "Caller",
    "Clock",
    "Held",
    "MemoryHost",
    "NotRenewed",
    "Services",
    "status_of",
]
