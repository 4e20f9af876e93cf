"""The source of living tokens: asked before each piece of work, by any number of threads."""

from __future__ import annotations

import logging
import math
import threading
import time
from copy import copy
from typing import TYPE_CHECKING, Mapping, Optional, Union

from pachyderm_vault import endings
from pachyderm_vault.clock import now
from pachyderm_vault.errors import ClosedError, SettingError, TokenError, UnreachableError
from pachyderm_vault.holding import Holding
from pachyderm_vault.keeper import KEEPER
from pachyderm_vault.leasing import Leasing
from pachyderm_vault.life import Need
from pachyderm_vault.session import Session

if TYPE_CHECKING:
    from datetime import datetime

    import hvac

    from pachyderm_vault.lease import Credentials
    from pachyderm_vault.secret import Secret
    from pachyderm_vault.sign_in import SignIn

log = logging.getLogger("pachyderm_vault")

TIMEOUT = 30.0  # seconds that whoever asks waits for a token
CLOSING = 5.0  # seconds that the end of a source may take
LOOK = 0.1  # seconds between two looks, of whoever waits, whether the source was closed


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
        self._keep = keep
        self._margin = margin
        self._closed = False
        self._leasing = Leasing(self.path, self.session, ttl, revoke=revoke)
        self._begin()
        self._watched = endings.watch(self, self._leasing)

    def _begin(self) -> None:
        """With nothing in hand: at first, and in a child process."""
        self._held = Holding(self._leasing, self._margin)
        self._lock = threading.RLock()  # of whoever asks Vault

    def __repr__(self) -> str:
        return f"TokenSource({self.path!r}, {self.session!r})"

    def __enter__(self) -> TokenSource:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def counts(self) -> Mapping[str, int]:
        """How many ``logins``, ``renewals`` and ``failures`` there were."""
        return self._leasing.counts

    @property
    def closed(self) -> bool:
        """Whether it gives no more."""
        return self._closed

    @property
    def ends(self) -> Optional[datetime]:
        """When the token in hand ends unless renewed; None where there is none. Asks nobody."""
        lease = self._held.lease
        return lease.credentials.ends if lease is not None and now() < lease.over else None

    @property
    def over(self) -> float:
        """The same by the package's clock; long ago where there is none."""
        lease = self._held.lease
        return -math.inf if lease is None else lease.over

    @property
    def due(self) -> float:
        """When the keeper must see to it, by the package's clock."""
        return self._held.due

    def at_hand(self) -> Optional[Credentials]:
        """The living token where nobody must ask Vault for it, else None."""
        lease = self._held.usable
        if lease is None or self._closed:
            return None
        if not self._keep and self._held.need is not Need.NOTHING:
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
        if not self._taken(deadline):
            raise self.in_vain()
        try:
            if not self._held.drop(credentials.token):
                return None
        finally:
            self._lock.release()
        return self.credentials(max(0.0, deadline - now()))

    def in_vain(self) -> TokenError:
        """Why there is no token, for one more who waited."""
        last = self._held.last
        if last is None:
            return UnreachableError(f"no token from {self.path} in time: Vault is still silent")
        return copy(last)  # each thread raises one of its own

    def keep_alive(self) -> None:
        """What the keeper does when it is `due`: waits for nobody, raises nothing."""
        if self._closed or not self._lock.acquire(blocking=False):
            return
        try:
            self._held.step(math.inf)
            self._held.settle()
        except TokenError as error:
            log.warning("no token from %s: %s", self.path, error)
        except Exception:  # a thread that ends would end every source
            self._held.patience.failed(now(), starving=False)
            log.exception("keeping %s alive failed", self.path)
        finally:
            self._lock.release()

    def close(self, *, timeout: float = CLOSING) -> None:
        """Give no more tokens; revoke the leases, unless told not to, within `timeout` seconds."""
        deadline = now() + timeout
        self._closed = True
        if self._watched.detach() is None:
            return  # somebody closes it, or did
        KEEPER.remove(self)
        held = self._lock.acquire(timeout=timeout / 2)
        try:
            self._leasing.close(deadline - now())
        finally:
            if held:
                self._lock.release()

    def forked(self) -> None:
        """In a child process: begin anew, and leave the parent's lease alone."""
        self._leasing.forked()
        self._begin()

    def _taken(self, deadline: float) -> bool:
        """Whether the lock is ours, after waiting for it."""
        return self._lock.acquire(timeout=min(max(0.0, deadline - now()), threading.TIMEOUT_MAX))

    def _waited(self, deadline: float) -> Credentials:
        """The living token, trying until `deadline`."""
        lives = None if self._closed else self._held.usable
        if not self._taken(-math.inf if lives else deadline):
            if lives is None:
                raise self.in_vain()
            return lives.credentials  # somebody else sees to it
        try:
            if self._keep and not self._closed:
                KEEPER.add(self)
            return self._tried(deadline)
        finally:
            self._lock.release()

    def _tried(self, deadline: float) -> Credentials:
        held = self._held
        while not self._closed:
            if held.usable is None:
                held.hurry()
                pause = held.until - now()
                if now() + pause > deadline:
                    raise self.in_vain()
                if pause > 0:  # not by an event, which a signal's handler could not set
                    time.sleep(min(pause, LOOK))
                    continue
            try:
                held.step(deadline)
            except TokenError as error:
                if not held.worth_waiting(error):
                    raise
                continue
            lease = held.usable
            if lease is not None:
                if not self._keep:
                    held.settle()
                return lease.credentials
            if not self._closed:
                raise self._too_short()
        raise ClosedError(f"the source of {self.path} is closed")

    def _too_short(self) -> TokenError:
        return SettingError(
            f"the token from {self.path} ends in {max(0.0, self.over - now()):.0f} s, within the"
            " margin: ask for a longer ttl, sign in with a Vault token that lasts longer, or set a"
            " smaller margin"
        )
