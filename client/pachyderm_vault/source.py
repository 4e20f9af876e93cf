"""The source of living tokens: asked before each piece of work, by any number of threads."""

from __future__ import annotations

import logging
import math
import random
import threading
from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Dict, Iterator, List, Optional, Union

from pachyderm_vault import endings
from pachyderm_vault.clock import now
from pachyderm_vault.errors import (
    ClosedError,
    FailedError,
    RefusedError,
    SettingError,
    TokenError,
    UnreachableError,
)
from pachyderm_vault.keeper import KEEPER
from pachyderm_vault.lease import Credentials, Lease, leased
from pachyderm_vault.life import Need, Patience
from pachyderm_vault.session import Session, VaultToken
from pachyderm_vault.vault import PATIENCE

if TYPE_CHECKING:
    from datetime import datetime

    import hvac

    from pachyderm_vault.secret import Secret
    from pachyderm_vault.sign_in import SignIn

log = logging.getLogger("pachyderm_vault")

TIMEOUT = 30.0  # seconds that whoever asks waits for a token
APART = 5.0  # seconds at least between two logins because pachd refused a token
CLOSING = 5.0  # seconds that the end of a source may take
LEAST = 0.5  # seconds: no request to Vault gets less


class TokenSource:
    """A Pachyderm token that lives whenever it is asked for, on a lease of Vault's.

    ``with TokenSource("pachyderm/creds/app", sign_in=AppRole(...)) as source:`` and then
    ``source.credentials()`` before each piece of work.

    `path` is what is written to: ``pachyderm/creds/ROLE``, ``pachyderm/login/robot:NAME``. `vault`
    is an `hvac.Client`, or a `Session` that several sources share; without one, Vault's usual
    variables say where it is. `sign_in` is how it signs in: by the token that is there, unless told
    otherwise. `ttl` is the seconds to ask for. With `keep`, one thread for all sources of the
    process renews ahead of time, from the first time on that somebody asks; without, whoever asks
    does. `margin` are the seconds before its end in which a token is not given out any more: a
    tenth of its life, 30 at most. `revoke` is whether its leases end when it is closed and when the
    process exits.
    """

    def __init__(
        self,
        path: str,
        vault: Union[hvac.Client, Session, None] = None,
        *,
        sign_in: Optional[SignIn] = None,
        ttl: Optional[float] = None,
        keep: bool = True,
        margin: Optional[float] = None,
        revoke: bool = True,
    ) -> None:
        self.path = path.strip("/")
        if "/" not in self.path:
            raise SettingError(f"{path!r} is no path of the engine's: pachyderm/creds/app is one")
        if isinstance(vault, Session) and sign_in is not None:
            raise SettingError("a Session signs in by itself: give sign_in to it")
        self.session = vault if isinstance(vault, Session) else Session(vault, sign_in)
        self._ttl = ttl
        self._keep = keep
        self._margin = margin
        self._revoke = revoke
        self._closed = threading.Event()
        self._begin()
        self.session.join()
        endings.watch(self)

    def _begin(self) -> None:
        """With nothing in hand: at first, and in a child process."""
        self._lease: Optional[Lease] = None  # replaced as a whole, so that reading needs no lock
        self._before: List[Lease] = []  # leases that calls under way may still use
        self._owed: List[Lease] = []  # leases to revoke, of tokens that pachd does not know
        self._lock = threading.RLock()  # of whoever asks Vault
        self._patience = Patience(random.random)
        self._last: Optional[TokenError] = None
        self._relogin = -math.inf  # when a token that pachd refused was last replaced
        self._proven = False  # whether a login ever went well
        self.counts: Counter[str] = Counter()  # logins, renewals, failures

    def __repr__(self) -> str:
        return f"TokenSource({self.path!r}, {self.session!r})"

    def __enter__(self) -> TokenSource:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def closed(self) -> bool:
        """Whether it gives no more."""
        return self._closed.is_set()

    @property
    def ends(self) -> Optional[datetime]:
        """When the token in hand ends unless renewed; None where there is none. Asks nobody."""
        lease = self._lease
        return lease.credentials.ends if lease is not None and now() < lease.over else None

    @property
    def due(self) -> float:
        """When the keeper must see to it, by the package's clock."""
        lease = self._lease
        when = -math.inf
        if not self._owed and lease is not None and lease.under is self.session.token:
            when = min(lease.due, self.session.due)
        return max(when, self._until)

    @property
    def _until(self) -> float:
        """Before this nothing is tried again."""
        return max(self._patience.until, self.session.patience.until)

    def at_hand(self) -> Optional[Credentials]:
        """The living token where nobody must ask Vault for it, else None."""
        lease = self._lease
        if lease is None or not self._usable(lease) or self._closed.is_set():
            return None
        if not self._keep and self._need(lease) is not Need.NOTHING:
            return None
        return lease.credentials

    def credentials(self, timeout: float = TIMEOUT) -> Credentials:
        """The living token; waits up to `timeout` seconds for one.

        Raises UnreachableError, FailedError or RefusedError, with what Vault said last;
        SettingError for what cannot be right; ClosedError after `close`.
        """
        return self.at_hand() or self._waited(now() + timeout)

    def token(self, timeout: float = TIMEOUT) -> Secret:
        """As `credentials`, the token alone."""
        return self.credentials(timeout).token

    def refused(self, credentials: Credentials, timeout: float = TIMEOUT) -> Optional[Credentials]:
        """Say that pachd does not know this token; gives another one to try again with.

        None where another was had for that within the last five seconds: then it is not the token
        that is wrong. Raises as `credentials`.
        """
        deadline = now() + timeout
        with self._taken(deadline):
            lease = self._lease
            if lease is not None and lease.credentials.token == credentials.token:
                if now() < self._relogin + APART:
                    return None
                self._relogin = now()
                self._lease = None
                self._owed.append(lease)  # dead at pachd, but not in Vault's books
        return self.credentials(max(0.0, deadline - now()))

    def keep_alive(self) -> None:
        """What the keeper does when it is `due`: waits for nobody, raises nothing."""
        if self._closed.is_set() or not self._lock.acquire(blocking=False):
            return
        try:
            self._step(math.inf)
            self._settle()
        except TokenError as error:
            log.warning("no token from %s: %s", self.path, error)
        finally:
            self._lock.release()

    def close(self, *, timeout: float = CLOSING) -> None:
        """Give no more tokens; revoke the leases, unless told not to, within `timeout` seconds."""
        if self._closed.is_set():
            return
        self._closed.set()
        KEEPER.remove(self)
        endings.forget(self)
        held = self._lock.acquire(timeout=timeout / 2)
        try:
            leases = [*self._owed, *self._before, *([self._lease] if self._lease else [])]
            self._lease, self._before, self._owed = None, [], []
            if not self.session.leave(revoke=self._revoke, patience=timeout) and self._revoke:
                self._end(leases, timeout)
        finally:
            if held:
                self._lock.release()

    def forked(self) -> None:
        """In a child process: begin anew, and leave the parent's lease alone."""
        self._begin()

    def _usable(self, lease: Lease) -> bool:
        margin = lease.margin if self._margin is None else self._margin
        return now() < lease.over - margin

    def _need(self, lease: Optional[Lease]) -> Need:
        if lease is None or lease.under.dead or lease.under is not self.session.token:
            return Need.ANOTHER
        return lease.need(now())

    @contextmanager
    def _taken(self, deadline: float) -> Iterator[None]:
        """The lock, unless that takes too long."""
        if not self._lock.acquire(timeout=max(0.0, deadline - now())):
            raise self._in_vain()
        try:
            yield
        finally:
            self._lock.release()

    def _in_vain(self) -> TokenError:
        """Why there is no token, for one more who waited."""
        last = self._last
        if last is None:
            return UnreachableError(f"no token from {self.path} in time: Vault is still silent")
        return last.with_traceback(None)

    def _waited(self, deadline: float) -> Credentials:
        """The living token, trying until `deadline`."""
        with self._taken(deadline):
            if self._keep and not self.closed:
                KEEPER.add(self)
            while not self.closed:
                lease = self._lease
                if lease is None or not self._usable(lease):
                    self._patience.hurry(now())
                    self.session.patience.hurry(now())
                pause = self._until - now()
                if pause > 0 and (lease is None or not self._usable(lease)):
                    if now() + pause > deadline:
                        raise self._in_vain()
                    self._closed.wait(pause)
                    continue
                try:
                    self._step(deadline)
                except TokenError as error:
                    if not self._worth_waiting(error):
                        raise
                    continue
                lease = self._lease
                if lease is not None and self._usable(lease):
                    if not self._keep:
                        self._settle()
                    return lease.credentials
                raise self._too_short(lease)
        raise ClosedError(f"the source of {self.path} is closed")

    def _worth_waiting(self, error: TokenError) -> bool:
        """A refusal of the very first login is a mistake; later ones are a server in trouble."""
        if isinstance(error, SettingError):
            return False
        return self._proven or isinstance(error, (UnreachableError, FailedError))

    def _too_short(self, lease: Optional[Lease]) -> TokenError:
        left = 0.0 if lease is None else max(0.0, lease.over - now())
        return SettingError(
            f"the token from {self.path} ends in {left:.0f} s, within the margin: ask for a longer"
            " ttl, sign in with a Vault token that lasts longer, or set a smaller margin"
        )

    def _step(self, deadline: float) -> None:
        """Whatever is due now, once. Raises TokenError where no living token is left after it."""
        lease = self._lease
        starving = lease is None or not self._usable(lease)
        if not starving and now() < self._until:
            return
        limit = min(PATIENCE, max(LEAST, deadline - now()))
        if lease is not None and not starving:
            limit = min(limit, max(LEAST, (lease.over - now()) / 2))
        try:
            under = self.session.signed_in(limit)
            need = self._need(lease)
            renewed = lease is not None and need is Need.RENEWAL and self._renewed(lease, limit)
            if need is not Need.NOTHING and not renewed:
                self._log_in(under, limit)
        except TokenError as error:
            slow = isinstance(error, UnreachableError)
            (self.session.patience if slow else self._patience).failed(now(), starving=starving)
            self._last = error
            self.counts["failures"] += 1
            if starving:
                raise
            log.warning("the lease of %s was not renewed, it lives on: %s", self.path, error)
        else:
            self._patience.succeeded()
            self._last = None

    def _renewed(self, lease: Lease, limit: float) -> bool:
        """Whether the lease goes on for more than half of what it was."""
        asked = now()
        body: Dict[str, Any] = {"lease_id": lease.credentials.lease_id}
        if self._ttl is not None:
            body["increment"] = math.ceil(self._ttl)
        try:
            answer = self.session.ask("POST", "sys/leases/renew", body, patience=limit)
        except RefusedError as error:
            log.info("the lease of %s cannot be renewed: %s", self.path, error)
            return False
        seconds = float(answer.get("lease_duration") or 0)
        renewed = lease.renewed(asked, seconds, bool(answer.get("renewable")), random.random)
        self._lease = renewed.dated()
        self.counts["renewals"] += 1
        log.debug("renewed the lease of %s, for %g s", self.path, seconds)
        return not renewed.fading

    def _log_in(self, under: VaultToken, limit: float) -> None:
        """Another lease in place of the one in hand."""
        body = {} if self._ttl is None else {"ttl": f"{math.ceil(self._ttl)}s"}
        asked = now()
        try:
            answer = self.session.ask("POST", self.path, body, patience=limit)
        except RefusedError as error:
            if error.status != 403 or not self.session.doubt(under, limit):
                raise
            under, asked = self.session.signed_in(limit), now()
            answer = self.session.ask("POST", self.path, body, patience=limit)
        before, self._lease = self._lease, leased(answer, asked, under, self.path)
        self._proven = True
        self.counts["logins"] += 1
        self._before = [old for old in self._before if now() < old.over]
        if before is not None:
            self._before.append(before)
        log.info("logged in at %s, for %g s", self.path, self._lease.seconds)
        if self._closed.is_set():  # while Vault was asked
            lease, self._lease = self._lease, None
            self._end([lease] if self._revoke else [], limit)

    def _settle(self) -> None:
        """Revoke what is owed."""
        owed, self._owed = self._owed, []
        self._end(owed, CLOSING)

    def _end(self, leases: List[Lease], timeout: float) -> None:
        """Revoke those that live, within `timeout` seconds; what cannot be is logged."""
        deadline = now() + timeout
        for lease in leases:
            if now() >= lease.over:
                continue
            body = {"lease_id": lease.credentials.lease_id}
            limit = max(LEAST, deadline - now())
            try:
                self.session.ask("POST", "sys/leases/revoke", body, patience=limit)
            except TokenError as error:
                log.warning("a lease of %s is not revoked, it ends by itself: %s", self.path, error)
