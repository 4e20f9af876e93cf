"""No secret in a repr, a log or a traceback, with all its variables."""

import logging
import traceback
from pathlib import Path
from typing import Any

import hvac
import pytest

from pachyderm_vault import (
    JWT,
    AppRole,
    Credentials,
    Kubernetes,
    RefusedError,
    Secret,
    Session,
    SettingError,
    Token,
    TokenError,
    TokenFile,
    TokenSource,
    UnreachableError,
)
from tests.unit.client.vault import LOOKUP, Vault, refused

SECRET = "s3cr3t-which-nobody-may-see"
NOBODY = "http://127.0.0.1:9"


@pytest.fixture
def file(tmp_path: Path) -> str:
    (tmp_path / "secret").write_text(SECRET)
    return str(tmp_path / "secret")


def test_a_secret_is_a_text_that_shows_nothing() -> None:
    secret = Secret(SECRET)
    assert secret == SECRET
    assert f"{secret}" == str(secret) == SECRET
    assert type(str(secret)) is str
    assert SECRET not in repr({"a": [secret]}) + repr(Credentials(secret, "a", None, "l"))  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", ["token", "file", "approle", "approle file", "kubernetes", "jwt"])
@pytest.mark.parametrize("address", [NOBODY, "https://127.0.0.1:9"])
def test_no_failure_shows_one(
    file: str, kind: str, address: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    ways: dict[str, Any] = {
        "token": Token(Secret(SECRET)),
        "file": TokenFile(file),
        "approle": AppRole("role", Secret(SECRET)),
        "approle file": AppRole("role", secret_id_file=file),
        "kubernetes": Kubernetes("role", file),
        "jwt": JWT("role", Secret(SECRET)),
    }
    sign_in = ways[kind]
    source = TokenSource(
        "pachyderm/creds/app", hvac.Client(url=address, token="none"), sign_in=sign_in, keep=False
    )
    with source, pytest.raises(UnreachableError, match="no answer from Vault") as told:
        source.credentials(timeout=0)
    shown = traceback.TracebackException.from_exception(told.value, capture_locals=True)
    text = "".join(shown.format()) + repr(source) + repr(sign_in) + caplog.text
    assert SECRET not in text


@pytest.mark.parametrize("kind", ["token", "file", "callable"])
def test_no_refusal_shows_the_vault_token(host: Vault, file: str, kind: str) -> None:
    ways: dict[str, Any] = {
        "token": Token(Secret(SECRET)),
        "file": TokenFile(file),
        "callable": lambda client: setattr(client, "token", SECRET),
    }
    host.answers[LOOKUP] = lambda _: refused(403, "permission denied")
    source = TokenSource("pachyderm/creds/app", host.client(), sign_in=ways[kind], keep=False)
    with source, pytest.raises(RefusedError) as told:
        source.credentials()
    shown = traceback.TracebackException.from_exception(told.value, capture_locals=True)
    assert SECRET not in "".join(shown.format())


def test_what_a_callers_own_sign_in_raises_is_not_repeated() -> None:
    def sign_in(client: hvac.Client) -> None:
        raise ValueError(SECRET)

    source = TokenSource("pachyderm/creds/app", hvac.Client(url=NOBODY), sign_in=sign_in)
    with source, pytest.raises(TokenError, match="signing in failed: ValueError") as told:
        source.credentials(timeout=0)
    assert told.value.__context__ is None


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: TokenSource("app"), "is no path of the engine's"),
        (
            lambda: TokenSource("a/b", Session(hvac.Client()), sign_in=Token()),
            "give sign_in to it",
        ),
        (lambda: _ask(TokenFile("/nowhere")), "cannot be read from /nowhere"),
        (lambda: _ask(Token()), "set VAULT_TOKEN, run vault login"),
        (lambda: _ask(JWT("role")), "needs jwt or jwt_file"),
        (lambda: _ask(Token("t"), "127.0.0.1:8200"), "write https://HOST:8200"),
        (lambda: _ask(Token("t"), "https://127.0.0.1:9", verify="/nowhere"), "/nowhere"),
    ],
)
def test_mistakes_are_told_at_once(make: object, words: str) -> None:
    with pytest.raises(SettingError, match=words):
        make()  # type: ignore[operator]


def _ask(sign_in: object, address: str = NOBODY, **options: Any) -> None:
    vault = hvac.Client(url=address, token="", **options)
    with TokenSource("a/b", vault, sign_in=sign_in, keep=False) as source:  # type: ignore[arg-type]
        source.credentials()
