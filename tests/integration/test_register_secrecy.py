"""Where `scripts/register` sends the token: to the operator's server, and nowhere in plain text."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

import pytest

from scripts.registration.link import Link
from tests.integration.pretender import (
    ACTIVE,
    RUNNING,
    STANDBY,
    UNSEALED,
    Answer,
    Pretender,
    nodes,
    redirect,
)
from tests.integration.register import run
from tests.pachd.certificate import self_signed

if TYPE_CHECKING:
    from pathlib import Path

SECRET = "hvs.the-operators-own"


@pytest.fixture
def tls(tmp_path: Path) -> ssl.SSLContext:
    """A certificate of 127.0.0.1, as ``cert`` in the test's directory."""
    made = self_signed("127.0.0.1")
    for name, content in (("cert", made.certificate), ("key", made.key)):
        (tmp_path / name).write_bytes(content)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "cert", tmp_path / "key")
    return context


def said(address: str, directory: Path) -> tuple[int, str]:
    """Exit status and words of the script, told to look at the server at `address`."""
    environment = {
        "VAULT_ADDR": address,
        "VAULT_TOKEN": SECRET,
        "VAULT_CACERT": str(directory / "cert"),
    }
    ran = run("--rollback", "v0.1.0", environment=environment, directory=directory)
    assert "Traceback" not in ran.stderr
    assert SECRET not in ran.stdout + ran.stderr
    return ran.returncode, ran.stdout + ran.stderr


@pytest.mark.parametrize("status", [301, 302, 307, 308])
@pytest.mark.parametrize("path", ["", "sys/seal-status", "sys/leader", "sys/mounts"])
def test_no_redirect_leads_from_tls_to_plain_text(
    tls: ssl.SSLContext, tmp_path: Path, path: str, status: int
) -> None:
    with Pretender(otherwise=Answer(UNSEALED)) as plain:
        away = redirect(f"{plain.address}/v1/{path}", status)
        answers = {"sys/seal-status": UNSEALED, "sys/leader": ACTIVE, path: away}
        with Pretender(answers, otherwise=away, tls=tls) as server:
            code, words = said(server.address, tmp_path)
    assert code == 1
    assert f"redirects to {plain.address}, where the token would go in plain text" in words
    assert plain.asked == []


def test_no_redirect_leads_to_another_server(tls: ssl.SSLContext, tmp_path: Path) -> None:
    with Pretender(otherwise=Answer(UNSEALED), tls=tls) as other:
        answers = {"sys/seal-status": UNSEALED, "sys/leader": ACTIVE}
        away = redirect(f"{other.address}/v1/sys/mounts")
        with Pretender(answers, otherwise=away, tls=tls) as server:
            code, words = said(server.address, tmp_path)
    assert code == 1
    assert f"redirects to {other.address}; the token is not sent on" in words
    assert other.asked == []


def test_a_server_that_redirects_all_gets_no_token(tls: ssl.SSLContext, tmp_path: Path) -> None:
    with (
        Pretender(otherwise=redirect("https://elsewhere.invalid:8200/x"), tls=tls) as server,
        Pretender(otherwise=redirect(server.address)) as plain,
    ):
        code, words = said(server.address, tmp_path)
        assert (code, server.tokens) == (1, set())
        assert "redirects to https://elsewhere.invalid:8200; the token is not sent on" in words
        code, words = said(plain.address, tmp_path)  # http:// that is to be https://
        assert (code, plain.tokens) == (1, set())
        assert "If that is the server, set VAULT_ADDR to it" in words


def test_no_active_node_is_asked_in_plain_text(tls: ssl.SSLContext, tmp_path: Path) -> None:
    with Pretender(otherwise=Answer(UNSEALED)) as active:
        leader = {**STANDBY, "leader_address": active.address}
        answers = {"sys/seal-status": UNSEALED, "sys/leader": leader}
        with Pretender(answers, tls=tls) as server:
            code, words = said(server.address, tmp_path)
    assert code == 1
    assert f"tells {active.address} as the active node, where the token would go in plain" in words
    assert active.asked == []


def test_an_active_node_is_asked_over_tls(tls: ssl.SSLContext, tmp_path: Path) -> None:
    answers = {"sys/seal-status": UNSEALED, "sys/leader": ACTIVE}
    with Pretender(answers, tls=tls) as active:
        leader = {**STANDBY, "leader_address": active.address}
        with Pretender({**answers, "sys/leader": leader}, tls=tls) as server:
            said(server.address, tmp_path)
    assert active.tokens == {SECRET}
    assert {path for path, token in server.asked if token} == {"sys/leader"}


def test_a_node_that_stopped_leading_amid_a_run_is_left(
    tls: ssl.SSLContext, tmp_path: Path
) -> None:
    answers = {"sys/seal-status": UNSEALED, "sys/leader": ACTIVE}
    with (
        Pretender(answers, tls=tls) as active,
        Pretender(answers, otherwise=redirect(active.address), tls=tls) as server,
    ):
        leaders = [ACTIVE, {**STANDBY, "leader_address": active.address}]
        server.answers["sys/leader"] = leaders
        said(server.address, tmp_path)
    assert active.tokens == {SECRET}


def test_no_standby_is_asked_in_plain_text(tls: ssl.SSLContext, tmp_path: Path) -> None:
    with (
        Pretender(otherwise=Answer(RUNNING["sys/mounts"])) as standby,
        Pretender({**RUNNING, **nodes(standby.address)}, tls=tls) as server,
    ):
        code, words = said(server.address, tmp_path)
    assert code == 0, words
    assert "nothing to do" in words
    assert f"{standby.address} would get the token in plain text" in words
    assert standby.asked == []


@pytest.mark.parametrize(
    ("given", "told", "may"),
    [
        ("https://vault:8200", "https://node:8200", True),
        ("https://vault:8200", "http://node:8200", False),
        ("https://vault:8200", "http://127.0.0.1:8200", False),
        ("https://vault:8200", "node:8200", False),
        ("http://vault:8200", "http://node:8200", True),
        ("http://vault:8200", "https://node:8200", True),
        ("http://127.0.0.1:8200", "http://127.0.0.1:8202", True),
        ("http://localhost:8200", "http://[::1]:8200", True),
        ("http://127.0.0.1:8200", "http://10.0.0.3:8200", False),
    ],
)
def test_the_token_goes_in_plain_text_no_further_than_it_was_sent(
    given: str, told: str, may: bool
) -> None:
    assert Link({"VAULT_ADDR": given}).trusts(told) is may
