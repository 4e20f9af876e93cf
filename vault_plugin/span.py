"""How long a lease and its token last.

The lease never outlives its token: the token is asked for `request_timeout` more than the lease
(for each call of the minting), since its clock starts before the host's. And the token never
lives unbounded after the lease.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from shim import Cap, clamp

if TYPE_CHECKING:
    from shim import SystemView
    from vault_plugin.config import Config
    from vault_plugin.grants import Grant
    from vault_plugin.pachyderm.api import Api

# Seconds a renewable 2.x token lasts where no max_ttl is set: its end cannot be moved later, and
# the mount's maximum (32 days by default) is long for one whose revocation fails.
UNSET_MAX_TTL = 24 * 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What a login or a role asks for: seconds; 0 and None where nothing was said."""

    ttl: int
    renewable: bool | None
    max_ttl: int = 0
    grants: tuple[Grant, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """How long a lease lasts, at first and at most, and its token; seconds.

    A `max_ttl` of 0 is the mount's.
    """

    ttl: int
    max_ttl: int
    token: int
    warnings: list[str]


async def span_of(
    system: SystemView, config: Config, api: Api, terms: Terms, *, renewable: bool, calls: int
) -> Span:
    """Request or role, then config, then the mount's default; capped by each and by pachd.

    `calls` is how many calls to pachd lie between the token's start and the lease's.
    """
    maximum = await system.max_lease_ttl()
    asked = terms.ttl or config.ttl or await system.default_lease_ttl()
    margin = calls * config.request_timeout
    caps = [
        Cap(terms.max_ttl, "the role's max_ttl"),
        Cap(config.max_ttl, "config's max_ttl"),
        Cap(maximum, "the mount's max_lease_ttl"),
        Cap(api.longest - margin if api.longest else 0, "the longest life pachd gives a token"),
    ]
    ttl, warnings = clamp(asked, caps)
    limits = [limit for limit in (terms.max_ttl, config.max_ttl) if limit]
    if api.extends:
        return Span(ttl=ttl, max_ttl=min(limits, default=0), token=ttl + margin, warnings=warnings)
    life = ttl
    if renewable:
        life = min([*(limits or [max(UNSET_MAX_TTL, ttl)]), maximum])
    return Span(ttl=ttl, max_ttl=life, token=life + margin, warnings=warnings)
