"""The source of tokens, where Vault does what it seldom does."""

from __future__ import annotations

import math
import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from pachyderm_vault import ClosedError, TokenSource, UnreachableError
from pachyderm_vault.clock import now
from pachyderm_vault.keeper import BUSY
from tests.unit.client.vault import LOGIN, RENEW, REVOKE, refused

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.unit.client.vault import Vault


def source(host: Vault, **options: Any) -> TokenSource:
    return TokenSource(LOGIN, host.client("vault"), **options)


def aged(one: TokenSource, share: float = 0.7) -> None:
    """Have so much of its lease's life be over."""
    lease = one._held.lease
    assert lease is not None
    one._held.lease = replace(lease, asked=lease.asked - share * lease.seconds)


def soon(holds: Callable[[], bool], seconds: float = 10) -> bool:
    deadline = time.monotonic() + seconds
    while not holds() and time.monotonic() < deadline:
        time.sleep(0.01)
    return holds()


def test_a_lease_whose_token_pachd_refused_is_revoked_soon(host: Vault) -> None:
    with source(host) as one:
        first = one.credentials()
        time.sleep(3 * BUSY)  # until the keeper has nothing to do
        second = one.refused(first)
        assert second is not None
        assert second.token != first.token
        assert soon(lambda: host.revoked == [first.lease_id])


def test_a_living_token_is_given_while_another_thread_renews_it(host: Vault) -> None:
    slow = threading.Event()
    host.answers[RENEW] = lambda _: refused(503) if slow.wait(20) else refused(500)
    with source(host, keep=False) as one:
        first = one.credentials()
        aged(one)
        other = threading.Thread(target=one.credentials)
        other.start()
        assert soon(lambda: host.asked[RENEW] == 1)
        assert one.credentials(timeout=0).token == first.token
        slow.set()
        other.join()


def test_whoever_waits_in_vain_has_an_error_of_their_own(host: Vault) -> None:
    host.answers[LOGIN] = lambda _: refused(503, "Vault is sealed")
    told = []
    with source(host, keep=False) as one:
        for _ in range(2):
            with pytest.raises(UnreachableError, match="Vault is sealed") as raised:
                one.credentials(timeout=0)
            told.append(raised.value)
        assert told[0] is not told[1]
        last = one._held.last
        assert last is not None
        assert last.__traceback__ is None  # no frame of whoever asked is kept


def test_one_may_wait_for_ever(host: Vault) -> None:
    with source(host) as one:
        assert one.token(timeout=math.inf) == "token-1"


def test_a_refused_renewal_leaves_the_living_token_until_there_is_another(host: Vault) -> None:
    host.answers[RENEW] = lambda _: refused(400, "lease not found")
    with source(host, keep=False) as one:
        first = one.credentials()
        aged(one)
        host.answers[LOGIN] = lambda _: refused(503)
        assert one.credentials().token == first.token


def test_an_answer_that_nobody_understands_does_not_end_the_keeper(
    host: Vault, caplog: pytest.LogCaptureFixture
) -> None:
    host.answers[RENEW] = lambda _: (200, {"lease_duration": "soon"})
    with source(host) as one:
        one.credentials()
        aged(one)
        one.keep_alive()
        assert "failed" in caplog.text
        assert one.due > now()  # it is not tried again at once
        assert one.credentials().token == "token-1"


def test_what_is_logged_in_while_the_source_closes_is_revoked(host: Vault) -> None:
    slow = threading.Event()
    log_in = host.answers[LOGIN]
    host.answers[LOGIN] = lambda body: log_in(body) if slow.wait(20) else refused(500)
    one = source(host)
    failed: list[BaseException] = []

    def ask() -> None:
        try:
            one.credentials()
        except ClosedError as error:
            failed.append(error)

    asking = threading.Thread(target=ask)
    asking.start()
    assert soon(lambda: host.asked[LOGIN] == 1)
    one.close(timeout=0.1)
    slow.set()
    asking.join()
    assert failed
    assert host.revoked == ["lease-1"]


def test_it_is_closed_once(host: Vault) -> None:
    slow = threading.Event()
    host.answers[REVOKE] = lambda _: (204, {}) if slow.wait(20) else refused(500)
    one = source(host)
    one.credentials()
    closing = [threading.Thread(target=one.close) for _ in range(2)]
    for thread in closing:
        thread.start()
    assert soon(lambda: host.asked[REVOKE] == 1)
    slow.set()
    for thread in closing:
        thread.join()
    one.close()
    assert host.revoked == ["lease-1"]
