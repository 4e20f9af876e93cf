"""A Vault that one is signed in to, and stays signed in to: shared by any number of sources."""

from __future__ import annotations

import logging
import math
import os
import random
import threading
from typing import Any, Dict, Mapping, Optional, Set, Tuple

import hvac
import requests.adapters

from pachyderm_vault.clock import now
from pachyderm_vault.errors import (
    FailedError,
    RefusedError,
    SettingError,
    TokenError,
    UnreachableError,
)
from pachyderm_vault.life import Life, Need, Patience, share
from pachyderm_vault.secret import Secret
from pachyderm_vault.sign_in import Held, Login, SignIn, Token
from pachyderm_vault.vault import PATIENCE, ask

log = logging.getLogger("pachyderm_vault")

_ADVICE = ": sign in again (vault login), or choose another way to sign in"


class VaultToken:
    """A Vault token in use. Leases hang on it: they end with it."""

    def __init__(self, value: Secret, life: Life) -> None:
        self.value = value
        self.life = life
        self.dead = False  # Vault said so

    @property
    def ends(self) -> float:
        """When it is over, as far as is known."""
        return -math.inf if self.dead else self.life.ends


class Session:
    """An `hvac.Client` that is kept signed in by `sign_in`.

    Without a `client` it makes one of Vault's usual variables. Pass a session to several sources to
    sign in once for all of them. Its token is renewed after half its life, and replaced where
    renewal ends. A client that is its `own`, as one that it made, loses its token with the last
    source, where it was signed in here.
    """

    def __init__(
        self,
        client: Optional[hvac.Client] = None,
        sign_in: Optional[SignIn] = None,
        *,
        own: Optional[bool] = None,
    ) -> None:
        held = sign_in is None or isinstance(sign_in, Held)
        if client is None:
            namespace = os.environ.get("VAULT_NAMESPACE")  # hvac knows Vault's other variables
            client = hvac.Client(token=None if held else "", namespace=namespace)
            own = True if own is None else own
        self.client = client
        self.users: Set[object] = set()  # what hangs on it; changed in one step, without the lock
        self._own_client = bool(own)
        self._sign_in: SignIn = Token() if sign_in is None else sign_in
        self._token: Optional[VaultToken] = None
        self._begin()

    def _begin(self) -> None:
        self.patience = Patience(random.random)  # with a Vault that does not answer
        self._signing = Patience(random.random)  # with a sign-in that fails, while the token lives
        self._lock = threading.RLock()

    def __repr__(self) -> str:
        return f"Session({self.client.url!r}, {type(self._sign_in).__name__})"

    @property
    def token(self) -> Optional[VaultToken]:
        """What it is signed in with; None before the first sign-in."""
        return self._token

    @property
    def due(self) -> float:
        """When its token must be looked after."""
        token = self._token
        if token is None or token.dead:
            return -math.inf
        return max(token.life.due, min(self._signing.until, token.ends))

    def ask(
        self, method: str, path: str, body: Optional[Mapping[str, object]] = None, **options: Any
    ) -> Dict[str, Any]:
        """As `vault.ask`, and remembers whether Vault answers."""
        try:
            answer = ask(self.client, method, path, body, **options)
        except UnreachableError:
            raise
        except TokenError:
            self.patience.succeeded()
            raise
        self.patience.succeeded()
        return answer

    def signed_in(self, patience: float = PATIENCE) -> VaultToken:
        """A Vault token that lives, after whatever is due to keep it so.

        Raises TokenError where there is none; as long as the one in hand lives, a failure to renew
        or replace it is logged.
        """
        if not self._taken(patience):
            raise UnreachableError(f"signing in to Vault at {self.client.url} takes too long")
        try:
            token = self._token
            lives = token is not None and now() < token.ends
            need = Need.ANOTHER if token is None or token.dead else token.life.need(now())
            wait = need is Need.NOTHING or (lives and now() < self._signing.until)
            if token is not None and wait:
                return token
            try:
                if token is None or need is not Need.RENEWAL or not self._renewed(token, patience):
                    token = self._signed_in_anew(token, patience)
            except TokenError as error:
                if token is None or now() >= token.ends:
                    raise
                log.warning("the Vault token was not renewed, it lives on: %s", error)
                self._signing.failed(now(), starving=False)
            else:
                self._signing.succeeded()
            return token
        finally:
            self._lock.release()

    def doubt(self, token: VaultToken, patience: float = PATIENCE) -> bool:
        """Vault refused something to `token`: whether that is because it is dead.

        Then the next call of `signed_in` signs in anew.
        """
        if token.dead or token is not self._token:
            return True
        try:
            self.ask("GET", "auth/token/lookup-self", patience=patience)
        except RefusedError as error:
            if error.status not in (401, 403):
                raise
            token.dead = True
            log.info("the Vault token is dead: signing in anew")
        return token.dead

    def join(self, user: object) -> None:
        """One more hangs on it."""
        self.users.add(user)

    def leave(self, user: object, *, revoke: bool, patience: float) -> bool:
        """One less; gives whether all leases are revoked by that.

        With the last one a Vault token that was made here, on a client that was made here, ends.
        """
        self.users.discard(user)
        ours = self._own_client and not isinstance(self._sign_in, Held)
        if self.users or not revoke or not ours or patience <= 0 or not self._taken(patience):
            return False
        try:
            token = self._token
            if token is None or token.dead:
                return False
            self.ask("POST", "auth/token/revoke-self", patience=patience)
            token.dead = True
        except TokenError as error:
            log.warning("the Vault token was not revoked, it ends by itself: %s", error)
            return False
        finally:
            self._lock.release()
        return True

    def forked(self) -> None:
        """In a child process: what is its parent's is left alone."""
        self._begin()
        if not isinstance(self._sign_in, Held):
            self._token = None
        for adapter in self.client.session.adapters.values():
            if isinstance(adapter, requests.adapters.HTTPAdapter):
                _INHERITED.append(adapter.poolmanager)
                adapter.__setstate__(adapter.__getstate__())  # its connections are the parent's

    def _taken(self, patience: float) -> bool:
        """Whether the lock is ours, after waiting for it."""
        return self._lock.acquire(timeout=min(patience, threading.TIMEOUT_MAX))

    def _renewed(self, token: VaultToken, patience: float) -> bool:
        asked = now()
        try:
            answer = self.ask("POST", "auth/token/renew-self", {}, patience=patience)
        except (RefusedError, FailedError) as error:  # past its longest life it is a 500
            log.info("the Vault token cannot be renewed: %s", error)
            return False
        granted = answer.get("auth") or {}
        token.life = token.life.renewed(
            asked,
            _seconds(granted.get("lease_duration")),
            bool(granted.get("renewable")),
            random.random,
        )
        return not token.life.fading

    def _signed_in_anew(self, before: Optional[VaultToken], patience: float) -> VaultToken:
        asked = now()
        value, granted = self._sign(patience)
        if granted is None:
            granted = self._looked_up(patience)
        seconds = _seconds(granted.get("lease_duration"))
        renewable = bool(granted.get("renewable")) and bool(value)  # else an agent renews it
        life = Life(asked, seconds, seconds, renewable, share(random.random))
        value = value or Secret(granted.get("accessor") or "")
        if before is not None and not before.dead and before.value == value:
            before.life = life  # the same, looked at again: no lease has lost what it hangs on
            return before
        self._token = VaultToken(value, life)
        log.info("signed in to Vault at %s", self.client.url)
        return self._token

    def _sign(self, patience: float) -> Tuple[Secret, Optional[Dict[str, Any]]]:
        """A Vault token, empty for an agent's, and what was said of it."""
        method = self._sign_in
        if isinstance(method, Held):
            self.client.token = str(method.current(self.client))
            return Secret(self.client.token), None
        if isinstance(method, Login):
            path, body = method.request()
            granted = self.ask("POST", path, body, patience=patience).get("auth") or {}
            self.client.token = granted.pop("client_token", "")
            if not self.client.token:
                raise SettingError(f"Vault gave no token at {path}: is a second factor asked for?")
            return Secret(self.client.token), granted
        raised: TokenError
        try:
            method(self.client)
            return Secret(self.client.token or ""), None
        except TokenError:
            raise
        except Exception as error:  # whatever the caller's own code raises
            raised = _of_callable(error)
        raise raised

    def _looked_up(self, patience: float) -> Dict[str, Any]:
        """What Vault says of the token in use, in the words of a sign-in's answer."""
        try:
            found = self.ask("GET", "auth/token/lookup-self", patience=patience)
        except RefusedError as error:
            if error.status != 403:
                raise
            raise RefusedError(f"{error}{_ADVICE}", error.status, error.errors) from None
        data: Dict[str, Any] = found.get("data") or {}
        data.pop("id", None)  # the token
        if data.get("expire_time"):
            if not data.get("ttl"):  # which are whole seconds
                raise RefusedError(f"the Vault token is in its last second{_ADVICE}", 403)
            data["lease_duration"] = data["ttl"]
        return data


_INHERITED: list = []  # type: ignore[type-arg]  # kept, so that the child closes none of them


def _seconds(granted: object) -> float:
    """What Vault grants; zero is for ever."""
    return float(granted) if isinstance(granted, (int, float)) and granted else math.inf


def _of_callable(error: Exception) -> TokenError:
    """The error of a sign-in that is the caller's own, whose text may hold anything."""
    if isinstance(error, requests.RequestException):
        return UnreachableError(f"signing in failed: {type(error).__name__}")
    return RefusedError(f"signing in failed: {type(error).__name__}")
