"""Staying signed in to Vault."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from pachyderm_vault import Agent, AppRole, RefusedError, Session, Token, UnreachableError
from pachyderm_vault.clock import now
from tests.unit.client.vault import LOOKUP, RENEW_SELF, SIGN_IN, refused, signed_in

if TYPE_CHECKING:
    from tests.unit.client.vault import Vault

APPROLE = AppRole("role", "secret")


def aged(session: Session, share: float = 0.9) -> None:
    """Have so much of its token's life be over."""
    token = session.token
    assert token is not None
    token.life = replace(token.life, asked=token.life.asked - share * token.life.seconds)


def test_a_sign_in_that_fails_is_not_tried_at_each_look_while_the_token_lives(host: Vault) -> None:
    host.answers[SIGN_IN] = lambda _: (200, {"auth": signed_in(renewable=False)})
    session = Session(host.client(), APPROLE)
    token = session.signed_in()
    aged(session)
    host.answers[SIGN_IN] = lambda _: refused(400, "invalid secret id")
    for _ in range(50):
        assert session.signed_in() is token
        session.ask("GET", LOOKUP)  # Vault answers, so it can be reached
    assert host.asked[SIGN_IN] < 10
    assert session.due > now()


def test_a_token_past_its_longest_life_is_replaced_at_once(host: Vault) -> None:
    """Else what is logged in to meanwhile ends with it, at once."""
    values = iter(("first", "second"))
    host.answers[SIGN_IN] = lambda _: (200, {"auth": {**signed_in(), "client_token": next(values)}})
    host.answers[RENEW_SELF] = lambda _: refused(500, "past the max TTL, cannot renew")
    session = Session(host.client(), APPROLE)
    token = session.signed_in()
    aged(session)
    assert session.signed_in() is not token
    assert session.due > now()


def test_a_token_in_its_last_second_is_not_taken_for_one_without_end(host: Vault) -> None:
    ending = {"ttl": 0, "expire_time": "2030-01-01T00:00:00Z"}
    host.answers[LOOKUP] = lambda _: (200, {"data": ending})
    with pytest.raises(RefusedError, match="in its last second: sign in again"):
        Session(host.client("token"), Token()).signed_in()


def test_an_agents_other_token_is_another(host: Vault) -> None:
    data = {"ttl": 100, "expire_time": "2030-01-01T00:00:00Z", "accessor": "one"}
    host.answers[LOOKUP] = lambda _: (200, {"data": data})
    session = Session(host.client(), Agent())
    first = session.signed_in()
    aged(session)
    assert session.signed_in() is first  # it was renewed
    aged(session)
    data["accessor"] = "two"
    assert session.signed_in() is not first  # with which the leases of the first have ended


def test_another_threads_sign_in_is_not_waited_for_without_end(host: Vault) -> None:
    slow = threading.Event()
    host.answers[SIGN_IN] = lambda _: (
        (200, {"auth": signed_in()}) if slow.wait(20) else refused(500)
    )
    session = Session(host.client(), APPROLE)
    other = threading.Thread(target=session.signed_in)
    other.start()
    while not host.asked[SIGN_IN]:
        pass
    with pytest.raises(UnreachableError, match="takes too long"):
        session.signed_in(0.05)
    slow.set()
    other.join()


def test_a_session_of_its_own_knows_vaults_namespace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VAULT_NAMESPACE", "team")
    assert Session().client.adapter.namespace == "team"
