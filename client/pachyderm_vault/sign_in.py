"""The ways to sign in to Vault. A callable that gives an `hvac.Client` a token is one, too."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Callable, Dict, Optional, Tuple, Union

import hvac

from pachyderm_vault.errors import SettingError
from pachyderm_vault.secret import Secret

SERVICE_ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount/token"


@dataclass(frozen=True)
class Token:
    """A Vault token: `value`, or the one that the client has anyway. It is never revoked by us."""

    value: Optional[str] = field(default=None, repr=False)

    def current(self, client: hvac.Client) -> str:
        """The token to use."""
        found = Secret(self.value or client.token or "")
        if not found:
            raise SettingError(
                "there is no Vault token: set VAULT_TOKEN, run vault login, or choose another way"
                " to sign in"
            )
        return found


@dataclass(frozen=True)
class TokenFile:
    """A Vault token in a file that somebody keeps fresh, as an agent's sink does; read anew."""

    path: str

    def current(self, client: hvac.Client) -> str:
        """The token to use."""
        del client
        return _read(self.path, "the Vault token")


@dataclass(frozen=True)
class Agent:
    """The listener of a Vault agent with auto-auth: requests carry no token, it adds its own."""

    def current(self, client: hvac.Client) -> str:
        """No token."""
        del client
        return ""


@dataclass(frozen=True)
class AppRole:
    """AppRole. The secret ID may be in a file, which is read at each sign-in."""

    role_id: str
    secret_id: Optional[str] = field(default=None, repr=False)
    secret_id_file: Optional[str] = None
    mount: str = "approle"

    def request(self) -> Tuple[str, Dict[str, str]]:
        """The path to log in at, and what to send."""
        body = {"role_id": self.role_id}
        secret_id = self.secret_id
        if self.secret_id_file is not None:
            secret_id = _read(self.secret_id_file, "the secret ID")
        if secret_id:
            body["secret_id"] = Secret(secret_id)
        return f"auth/{self.mount}/login", body


@dataclass(frozen=True)
class Kubernetes:
    """The service account of the pod, whose token is read at each sign-in, since it is rotated."""

    role: str
    jwt_file: str = SERVICE_ACCOUNT
    mount: str = "kubernetes"

    def request(self) -> Tuple[str, Dict[str, str]]:
        """The path to log in at, and what to send."""
        jwt = _read(self.jwt_file, "the service account's token")
        return f"auth/{self.mount}/login", {"role": self.role, "jwt": Secret(jwt)}


@dataclass(frozen=True)
class JWT:
    """A JWT, as continuous integration has it; in a file it is read at each sign-in."""

    role: str
    jwt: Optional[str] = field(default=None, repr=False)
    jwt_file: Optional[str] = None
    mount: str = "jwt"

    def request(self) -> Tuple[str, Dict[str, str]]:
        """The path to log in at, and what to send."""
        jwt = self.jwt if self.jwt_file is None else _read(self.jwt_file, "the JWT")
        if not jwt:
            raise SettingError("signing in by JWT needs jwt or jwt_file")
        return f"auth/{self.mount}/login", {"role": self.role, "jwt": Secret(jwt)}


Held = (Token, TokenFile, Agent)  # a token that others made, and others end
Login = (AppRole, Kubernetes, JWT)  # one request, whose answer is a token of ours
SignIn = Union[Token, TokenFile, Agent, AppRole, Kubernetes, JWT, Callable[[hvac.Client], object]]


def _read(path: str, what: str) -> Secret:
    try:
        text = Secret(Path(path).expanduser().read_text(encoding="utf-8").strip())
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no text"
        raise SettingError(f"{what} cannot be read from {path}: {reason}") from None
    if not text:
        raise SettingError(f"{what} is missing: {path} is empty")
    return text
