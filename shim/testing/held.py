"""A lease as the host keeps it."""

from __future__ import annotations

from dataclasses import dataclass, field

from shim.framework.errors import BackendError
from shim.framework.requests import Lease  # noqa: TC001  a field of what is public


class NotRenewed(BackendError):  # noqa: N818  what the host says
    """The host itself refuses to renew; the text is its own."""


@dataclass(kw_only=True)
class Held:
    """A lease as the host keeps it: `ttl` is what it granted, times are Unix seconds.

    `given` are the leases of all answers that told of it.
    """

    id: str
    path: str
    lease: Lease
    ttl: float
    issued: float
    ends: float
    given: list[Lease] = field(default_factory=list, repr=False)
