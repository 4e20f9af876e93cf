"""Where Vault is and how to sign in: flags, and the variables that Vault's command line knows."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable, Dict, Optional

import hvac

from pachyderm_vault.errors import SettingError
from pachyderm_vault.session import Session
from pachyderm_vault.sign_in import (
    JWT,
    SERVICE_ACCOUNT,
    Agent,
    AppRole,
    Kubernetes,
    Token,
    TokenFile,
)
from pachyderm_vault.source import TokenSource

if TYPE_CHECKING:
    import argparse

    from pachyderm_vault.sign_in import SignIn

EXITS = """\
exit status: 0 well; 1 Vault refused, or the token is not fresh; 2 a mistake in what was
given; 3 Vault or pachd cannot serve now, try again. run gives the command's own, 128 and
the signal's number where a signal ended it, 125 where there is no token, 126 and 127
where the command cannot be run."""
ADDRESS = "http://127.0.0.1:8200"


def variable(name: str) -> Optional[str]:
    """A variable of Vault's or of OpenBao's command line: ``BAO_X`` goes before ``VAULT_X``."""
    return os.environ.get(f"BAO_{name}") or os.environ.get(f"VAULT_{name}") or None


def add_settings(parser: argparse.ArgumentParser) -> None:
    """The flags of every command that asks Vault."""
    add = parser.add_argument_group("Vault").add_argument
    add("--path", default=os.environ.get("PACHYDERM_VAULT_PATH"), help=(
        "what to log in at: pachyderm/creds/ROLE, pachyderm/login/robot:NAME"
        " ($PACHYDERM_VAULT_PATH)"
    ))  # fmt: skip
    add("--ttl", type=seconds, metavar="DURATION", help="how long a lease to ask for: 90s, 15m, 1h")
    add("--wait", type=seconds, default=30.0, metavar="DURATION", help=(
        "for the first token, while Vault cannot serve; default: 30s (sidecar: 5m at least)"
    ))  # fmt: skip
    add("--address", help="$VAULT_ADDR")
    add("--namespace", help="$VAULT_NAMESPACE")
    add("--ca-cert", metavar="FILE", help="the authorities to trust; $VAULT_CACERT, $VAULT_CAPATH")
    add("--verbose", action="store_true", help="say what is done, on standard error")
    add = parser.add_argument_group("signing in").add_argument
    add("--method", choices=METHODS, default="token", help=(
        "token ($VAULT_TOKEN, or what vault login left; the default), token-file, approle,"
        " kubernetes, jwt, or agent: the listener of a Vault agent"
    ))  # fmt: skip
    add("--mount", help="where the method is mounted, if not at its own name")
    add("--role", help="kubernetes, jwt: the role")
    add("--role-id", default=os.environ.get("ROLE_ID"), help="approle ($ROLE_ID)")
    add("--secret-id-file", metavar="FILE", help="approle: its secret ID; or $SECRET_ID")
    add("--jwt-file", metavar="FILE", help="kubernetes, jwt: the token to show")
    add("--token-file", metavar="FILE", help="token-file: a Vault token that is kept fresh there")


def seconds(text: str) -> float:
    """A duration as Vault writes it: ``90``, ``90s``, ``15m``, ``1h30m``, ``1d``."""
    total, number = 0.0, ""
    for letter in text.strip() + ("s" if text.strip()[-1:].isdigit() else ""):
        if letter.isdigit() or letter == ".":
            number += letter
        elif number and letter in UNITS:
            total, number = total + float(number) * UNITS[letter], ""
        else:
            raise ValueError(text)
    if number or total < 1:
        raise ValueError(text)
    return total


UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def source(options: argparse.Namespace, **more: Any) -> TokenSource:
    """The source that the options describe. Raises SettingError."""
    if not options.path:
        raise SettingError("say what to log in at: --path pachyderm/creds/ROLE")
    sign_in = METHODS[options.method](options)
    session = Session(client(options, sign_in), sign_in, own=True)
    return TokenSource(options.path, session, ttl=options.ttl, **more)


def client(options: argparse.Namespace, sign_in: SignIn) -> hvac.Client:
    """Hvac as Vault's own command line would be set up."""
    verify: object = options.ca_cert or variable("CACERT") or variable("CAPATH") or True
    if (variable("SKIP_VERIFY") or "").lower() in ("1", "t", "true"):
        verify = False
    cert, key = variable("CLIENT_CERT"), variable("CLIENT_KEY")
    address = options.address or variable("ADDR") or ADDRESS
    if options.method == "agent":
        address = options.address or variable("AGENT_ADDR") or address
    return hvac.Client(
        url=address,
        token=login_token() if isinstance(sign_in, Token) else "",
        namespace=options.namespace or variable("NAMESPACE"),
        verify=verify,
        cert=(cert, key) if cert and key else None,
    )


def login_token() -> str:
    """The token of the environment, or the one that ``vault login`` left; empty for none."""
    found = variable("TOKEN")
    if found is None:
        try:
            found = (Path.home() / ".vault-token").read_text(encoding="utf-8").strip()
        except (OSError, RuntimeError, UnicodeDecodeError):
            found = ""
    return found


def _approle(options: argparse.Namespace) -> SignIn:
    needs(options, "role_id")
    secret_id = None if options.secret_id_file else os.environ.get("SECRET_ID")
    return AppRole(options.role_id, secret_id, options.secret_id_file, options.mount or "approle")


def _kubernetes(options: argparse.Namespace) -> SignIn:
    needs(options, "role")
    file = options.jwt_file or SERVICE_ACCOUNT
    return Kubernetes(options.role, file, options.mount or "kubernetes")


def _jwt(options: argparse.Namespace) -> SignIn:
    needs(options, "role", "jwt_file")
    return JWT(options.role, jwt_file=options.jwt_file, mount=options.mount or "jwt")


def _token_file(options: argparse.Namespace) -> SignIn:
    needs(options, "token_file")
    return TokenFile(options.token_file)


def needs(options: argparse.Namespace, *names: str) -> None:
    """Raises SettingError where a flag is missing that the method needs."""
    for name in names:
        if not getattr(options, name):
            flag = "--" + name.replace("_", "-")
            raise SettingError(f"--method {options.method} needs {flag}")


METHODS: Dict[str, Callable[[argparse.Namespace], SignIn]] = {
    "token": lambda _: Token(),
    "token-file": _token_file,
    "approle": _approle,
    "kubernetes": _kubernetes,
    "jwt": _jwt,
    "agent": lambda _: Agent(),
}
