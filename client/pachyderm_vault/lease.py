"""A login that lives: its lease, and the token that a program gets of it."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, Dict

from pachyderm_vault.clock import now
from pachyderm_vault.errors import RefusedError
from pachyderm_vault.life import Life, margin, share
from pachyderm_vault.secret import Secret

if TYPE_CHECKING:
    from pachyderm_vault.session import VaultToken

YEAR = 366 * 86400.0  # seconds; no token lasts longer, as far as dates are concerned


@dataclass(frozen=True)
class Credentials:
    """A living token. Ask the source before each piece of work; these get old.

    `address` is pachd's, as the engine's configuration has it; `ends` is when the token ends unless
    its lease is renewed, by this machine's clock.
    """

    token: Secret
    address: str
    ends: datetime
    lease_id: str


@dataclass(frozen=True)
class Lease(Life):
    """A lease under the Vault token that asked for it."""

    under: VaultToken
    credentials: Credentials

    @property
    def over(self) -> float:
        """When its token ends, by itself or with the Vault token."""
        return min(self.ends, self.under.ends)

    @property
    def margin(self) -> float:
        """The seconds before that in which the token is not given out, where none are set."""
        return margin(self.first, self.under.life.first)

    def dated(self) -> Lease:
        """With the end of its token in the credentials."""
        left = min(self.over - now(), YEAR)
        ends = datetime.now(timezone.utc) + timedelta(seconds=left)
        return replace(self, credentials=replace(self.credentials, ends=ends))


def leased(answer: Dict[str, Any], asked: float, under: VaultToken, path: str) -> Lease:
    """The lease that a login at `path` answered. Raises RefusedError where it is none."""
    data = answer.get("data") or {}
    token, address = Secret(data.pop("user_token", "")), data.get("pachd_address")
    seconds, lease_id = float(answer.get("lease_duration") or 0), answer.get("lease_id")
    if not (token and address and lease_id and seconds):
        raise RefusedError(
            f"{path} gave no leased token of Pachyderm's: it must be a path of the engine's,"
            " pachyderm/creds/ROLE or pachyderm/login/robot:NAME"
        )
    credentials = Credentials(token, address, datetime.max, lease_id)
    renewable = bool(answer.get("renewable"))
    life = (asked, seconds, seconds, renewable, share(random.random))
    return Lease(*life, under, credentials).dated()
