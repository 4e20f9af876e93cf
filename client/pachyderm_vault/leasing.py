"""The leases of one path: the requests that make, renew and end them, and all that still live."""

from __future__ import annotations

import logging
import math
import random
from collections import Counter
from typing import TYPE_CHECKING, Any, Dict, Iterable, Optional

from pachyderm_vault.clock import now
from pachyderm_vault.errors import ClosedError, RefusedError, TokenError
from pachyderm_vault.lease import Lease, leased

if TYPE_CHECKING:
    from pachyderm_vault.session import Session

log = logging.getLogger("pachyderm_vault")

LEAST = 0.5  # seconds: no request to Vault gets less


class Leasing:
    """What a source does at Vault, and what it has there.

    `ttl` is the seconds to ask for; `revoke` whether `close` ends what it made.
    """

    def __init__(self, path: str, session: Session, ttl: Optional[float], *, revoke: bool) -> None:
        self.path = path
        self.session = session
        self._ttl = ttl
        self._revoke = revoke
        self._closed = False
        self.forked()
        session.join(self)

    def forked(self) -> None:
        """With nothing made yet: at first, and in a child process."""
        self._made: Dict[str, Lease] = {}  # by their ids, until they are revoked or over
        self.counts: Counter[str] = Counter()  # logins, renewals, failures

    @property
    def living(self) -> bool:
        """Whether a lease lives that `close` would revoke."""
        return self._revoke and any(now() < lease.over for lease in list(self._made.values()))

    def log_in(self, limit: float) -> Lease:
        """Another lease, within `limit` seconds for each request. Raises TokenError."""
        under, asked = self.session.signed_in(limit), now()
        body = {} if self._ttl is None else {"ttl": f"{math.ceil(self._ttl)}s"}
        try:
            answer = self.session.ask("POST", self.path, body, patience=limit, anew=True)
        except RefusedError as error:
            if error.status != 403 or not self.session.doubt(under, limit):
                raise
            under, asked = self.session.signed_in(limit), now()
            answer = self.session.ask("POST", self.path, body, patience=limit, anew=True)
        lease = leased(answer, asked, under, self.path)
        self._made = {key: old for key, old in self._made.items() if now() < old.over}
        self._made[lease.credentials.lease_id] = lease
        self.counts["logins"] += 1
        log.info("logged in at %s, for %g s", self.path, lease.seconds)
        if self._closed:  # while Vault was asked
            self.close(limit)
            raise ClosedError(f"the source of {self.path} is closed")
        return lease

    def renew(self, lease: Lease, limit: float) -> Optional[Lease]:
        """The lease as renewed; None where it cannot be. Raises TokenError."""
        asked = now()
        body: Dict[str, Any] = {"lease_id": lease.credentials.lease_id}
        if self._ttl is not None:
            body["increment"] = math.ceil(self._ttl)
        try:
            answer = self.session.ask("POST", "sys/leases/renew", body, patience=limit)
        except RefusedError as error:
            log.info("the lease of %s cannot be renewed: %s", self.path, error)
            return None
        seconds = float(answer.get("lease_duration") or 0)
        renewable = bool(answer.get("renewable"))
        renewed = lease.renewed(asked, seconds, renewable, random.random).dated()
        self._made[lease.credentials.lease_id] = renewed
        self.counts["renewals"] += 1
        log.debug("renewed the lease of %s, for %g s", self.path, seconds)
        return renewed

    def end(self, leases: Iterable[Lease], timeout: float) -> None:
        """Revoke those that live, within `timeout` seconds; what cannot be is logged."""
        deadline = now() + timeout
        for lease in leases:
            lease_id = lease.credentials.lease_id
            if now() < lease.over:
                try:
                    self._revoke_one(lease_id, deadline - now())
                except TokenError as error:
                    told = "a lease of %s is not revoked, it ends by itself: %s"
                    log.warning(told, self.path, error)
                    continue
            self._made.pop(lease_id, None)

    def close(self, timeout: float) -> None:
        """Revoke all that was made here, unless told not to, within `timeout` seconds."""
        deadline = now() + timeout
        self._closed = True
        gone = self.session.leave(self, revoke=self._revoke, patience=timeout)
        if self._revoke and not gone:
            self.end(list(self._made.values()), deadline - now())
        self._made = {}

    def _revoke_one(self, lease_id: str, left: float) -> None:
        if left <= 0:
            raise TokenError("there is no time left for it")
        body = {"lease_id": lease_id}
        self.session.ask("POST", "sys/leases/revoke", body, patience=max(LEAST, left))
