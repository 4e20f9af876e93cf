#!/usr/bin/env python3
"""Keep a Pachyderm token fresh: the part of an application that deals with Vault.

    with FreshToken(hvac.Client(), "pachyderm/creds/app", by_approle) as fresh:
        ...
        now = fresh.credentials()  # before each piece of work: never kept for long
        pachyderm = Client.from_pachd_address(now.pachd_address, auth_token=now.user_token)

A thread renews the lease after half its life, and logs in anew when renewal ends.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self

import hvac
import requests
from hvac.exceptions import Forbidden, InvalidRequest, VaultError

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0  # seconds between attempts while Vault gives nothing
FAILURES = (VaultError, requests.RequestException)
SignIn = Callable[[hvac.Client], object]

log = logging.getLogger("keep_fresh")


@dataclass(frozen=True)
class Credentials:
    """What a login gave: a token, and the cluster it is for."""

    user_token: str
    pachd_address: str


@dataclass(frozen=True)
class Lease:
    """A login: `seconds` is how long it lasted at first."""

    id: str
    seconds: int
    credentials: Credentials


def keep_token(vault: hvac.Client) -> None:
    """Sign in with the Vault token the client has anyway."""


def by_approle(vault: hvac.Client) -> None:
    """Sign in with ROLE_ID and SECRET_ID of the environment."""
    vault.auth.approle.login(os.environ["ROLE_ID"], os.environ["SECRET_ID"])


class FreshToken:
    """A token that lives for as long as the context does, and Vault answers.

    `path` is written to: ``pachyderm/login/robot:app``, ``pachyderm/creds/app``. `sign_in` gives
    the client a Vault token. It is called before each login, since a lease ends with the Vault
    token that asked for it.
    """

    def __init__(self, vault: hvac.Client, path: str, sign_in: SignIn = keep_token) -> None:
        self._vault = vault
        self._path = path
        self._sign_in = sign_in
        self._lease: Lease | None = None
        self._ends = 0.0
        self._changed = threading.Condition()
        self._hurry = threading.Event()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="fresh token", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closed = True
        self._hurry.set()
        self._thread.join()
        if self._lease is not None:
            try:
                self._vault.sys.revoke_lease(self._lease.id)
            except FAILURES:
                log.warning("the last lease was not revoked: it ends by itself")

    def credentials(self, timeout: float = 30.0) -> Credentials:
        """The living token; waits `timeout` seconds for one. Raises TimeoutError."""
        with self._changed:
            lease = self._changed.wait_for(self._living, timeout)
        if lease is None:
            raise TimeoutError(f"no token from {self._path} within {timeout} s")
        return lease.credentials

    def refused(self, credentials: Credentials) -> None:
        """Say that pachd did not take these: the next ones come from a new login."""
        with self._changed:
            if self._lease is not None and self._lease.credentials == credentials:
                self._lease = None
                self._hurry.set()

    def _living(self) -> Lease | None:
        return self._lease if time.monotonic() < self._ends else None

    def _run(self) -> None:
        pause = FIRST_PAUSE
        while not self._closed:
            self._hurry.clear()
            try:
                wait = self._renew_or_log_in() / 2
                pause = FIRST_PAUSE
            except FAILURES as error:
                log.warning("%s; again in %g s", error, pause)
                wait, pause = pause, min(2 * pause, LONGEST_PAUSE)
            self._hurry.wait(wait)

    def _renew_or_log_in(self) -> int:
        """The seconds that the token lasts from now."""
        before, asked = self._living(), time.monotonic()
        seconds = self._renew(before) if before else 0
        lease = before
        # Less than half is the end of its life drawing near: there is time for another.
        if lease is None or seconds <= lease.seconds / 2:
            lease = self._log_in()
            seconds = lease.seconds
        with self._changed:
            if lease is before and self._lease is None:
                return 0  # refused meanwhile
            self._lease, self._ends = lease, asked + seconds
            self._changed.notify_all()
        return seconds

    def _log_in(self) -> Lease:
        self._sign_in(self._vault)
        answer = self._vault.write_data(self._path, data={})
        seconds = self._bounded(answer["lease_duration"])
        log.info("logged in at %s, for %d s", self._path, seconds)
        return Lease(answer["lease_id"], seconds, Credentials(**answer["data"]))

    def _renew(self, lease: Lease) -> int:
        """The seconds it lasts from now; 0 where it or our Vault token cannot be renewed."""
        try:
            if self._vault.auth.token.lookup_self()["data"]["renewable"]:
                self._vault.auth.token.renew_self()
            answer = self._vault.sys.renew_lease(lease.id)
        except (InvalidRequest, Forbidden):
            return 0
        seconds = self._bounded(answer["lease_duration"])
        log.info("renewed the lease of %s, for %d s", self._path, seconds)
        return seconds

    def _bounded(self, seconds: int) -> int:
        """The lease's `seconds`, or those of our Vault token where these are fewer."""
        own: dict[str, Any] = self._vault.auth.token.lookup_self()["data"]
        return min(seconds, own["ttl"]) if own["expire_time"] else seconds


def main() -> None:
    """Keep a token fresh for an application that does nothing, until interrupted."""
    logging.basicConfig(level=logging.INFO)
    path = os.environ.get("LOGIN_PATH", "pachyderm/creds/app")
    with FreshToken(hvac.Client(), path, by_approle) as fresh:
        while True:
            log.info("working with %s", fresh.credentials().pachd_address)
            time.sleep(10)


if __name__ == "__main__":
    main()
