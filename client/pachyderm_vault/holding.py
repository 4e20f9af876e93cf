"""The lease that a source holds, and what is done about it when."""

from __future__ import annotations

import logging
import math
import random
from copy import copy
from typing import TYPE_CHECKING, List, Optional

from pachyderm_vault.clock import now
from pachyderm_vault.errors import FailedError, SettingError, TokenError, UnreachableError
from pachyderm_vault.leasing import LEAST
from pachyderm_vault.life import Need, Patience
from pachyderm_vault.vault import PATIENCE

if TYPE_CHECKING:
    from pachyderm_vault.lease import Lease
    from pachyderm_vault.leasing import Leasing
    from pachyderm_vault.secret import Secret

log = logging.getLogger("pachyderm_vault")

APART = 5.0  # seconds at least between two logins because pachd refused a token
SETTLING = 5.0  # seconds to revoke what is owed


class Holding:
    """One lease at a time of `leasing`: renewed, or replaced by another.

    `margin` are the seconds before its end in which its token is not given out; None is for a share
    of its life. Whoever changes anything here has its source's lock; reading needs none.
    """

    def __init__(self, leasing: Leasing, margin: Optional[float]) -> None:
        self.lease: Optional[Lease] = None  # replaced as a whole
        self.last: Optional[TokenError] = None  # what went wrong last, if it still does
        self.patience = Patience(random.random)
        self._leasing = leasing
        self._session = leasing.session
        self._margin = margin
        self._owed: List[Lease] = []  # to be revoked: pachd does not know their tokens
        self._relogin = -math.inf  # when a token that pachd refused was last replaced
        self._proven = False  # whether a login ever went well

    @property
    def usable(self) -> Optional[Lease]:
        """The lease, if its token may be given out."""
        lease = self.lease
        if lease is None:
            return None
        margin = lease.margin if self._margin is None else self._margin
        return lease if now() < lease.over - margin else None

    @property
    def need(self) -> Need:
        """What the lease asks for now."""
        lease = self.lease
        if lease is None or lease.under.dead or lease.under is not self._session.token:
            return Need.ANOTHER
        return lease.need(now())

    @property
    def due(self) -> float:
        """When something must be done."""
        lease = self.lease
        when = -math.inf
        if not self._owed and lease is not None and lease.under is self._session.token:
            when = min(lease.due, self._session.due)
        return max(when, self.until)

    @property
    def until(self) -> float:
        """Before this nothing is tried again."""
        return max(self.patience.until, self._session.patience.until)

    def hurry(self) -> None:
        """Somebody waits for a token."""
        for patience in (self.patience, self._session.patience):
            patience.hurry(now())

    def drop(self, token: Secret) -> bool:
        """Let this token go, which pachd does not know; gives whether another may be had.

        Not, where another was had for that within the last five seconds: then it is not the token
        that is wrong.
        """
        lease = self.lease
        if lease is not None and lease.credentials.token == token:
            if now() < self._relogin + APART:
                return False
            self._relogin = now()
            self.lease = None
            self._owed.append(lease)  # dead at pachd, but not in Vault's books
        return True

    def worth_waiting(self, error: TokenError) -> bool:
        """A refusal of the very first login is a mistake; later ones are a server in trouble."""
        if isinstance(error, SettingError):
            return False
        return self._proven or isinstance(error, (UnreachableError, FailedError))

    def step(self, deadline: float) -> None:
        """Whatever is due now, once. Raises TokenError where no living token is left after it."""
        lease = self.usable
        if lease is not None and now() < self.until:
            return
        limit = min(PATIENCE, max(LEAST, deadline - now()))
        if lease is not None:
            limit = min(limit, max(LEAST, (lease.over - now()) / 2))
        try:
            self._session.signed_in(limit)
            need = self.need
            if need is Need.RENEWAL:
                need = self._renewed(limit)
            if need is not Need.NOTHING:
                self.lease = self._leasing.log_in(limit)
                self._proven = True
        except TokenError as error:
            slow = isinstance(error, UnreachableError)
            patience = self._session.patience if slow else self.patience
            patience.failed(now(), starving=lease is None)
            self.last = copy(error)  # without the frames that its traceback holds
            self._leasing.counts["failures"] += 1
            if lease is None:
                raise
            path = self._leasing.path
            log.warning("the lease of %s was not renewed, it lives on: %s", path, error)
        else:
            self.patience.succeeded()
            self.last = None

    def settle(self) -> None:
        """Revoke what is owed."""
        owed, self._owed = self._owed, []
        self._leasing.end(owed, SETTLING)

    def _renewed(self, limit: float) -> Need:
        """Renew the lease; gives what is needed then."""
        renewed = None if self.lease is None else self._leasing.renew(self.lease, limit)
        if renewed is None:
            return Need.ANOTHER  # the one in hand lives on meanwhile
        self.lease = renewed
        return self.need
