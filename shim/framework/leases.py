"""Lease types, and the arithmetic that decides how long a lease lasts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from shim.framework import durations

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from shim.framework.requests import Request, Response


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseType:
    """How leases of one kind are renewed and revoked.

    Both handlers find the lease in ``request.lease``. `revoke` must bear to be called twice and
    with what an older version stored. `shim.Unrecoverable` alone ends the tries at once; whatever
    else it raises, a `shim.UserError` among it, the host takes as transient and tries again (six
    tries, growing delays).

    `untaken` ends what a new lease was given for when the answer that gave it reached nobody: the
    host made no lease of it and will never ask for its end. It finds the lease as the handler gave
    it, runs when the request is long over, once, and what it raises is logged. None: `revoke` is
    called instead.
    """

    name: str
    renew: Callable[[Request], Awaitable[Response]]
    revoke: Callable[[Request], Awaitable[Response | None]]
    untaken: Callable[[Request], Awaitable[object]] | None = None


class Cap(NamedTuple):
    """A limit in seconds and whose it is, for the warning ("the role's max_ttl")."""

    seconds: int
    owner: str


def clamp(seconds: int, caps: Iterable[Cap], *, what: str = "TTL") -> tuple[int, list[str]]:
    """`seconds` cut to the lowest of `caps`, with a warning when that changed it.

    A cap of 0 seconds is none.
    """
    lowest = min((cap for cap in caps if cap.seconds), default=None)
    if lowest is None or seconds <= lowest.seconds:
        return seconds, []
    shown = durations.show
    warning = (
        f"{what} of {shown(seconds)} exceeded {lowest.owner} of {shown(lowest.seconds)};"
        f" capped to {shown(lowest.seconds)}"
    )
    return lowest.seconds, [warning]
