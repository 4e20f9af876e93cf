"""Pachyderm tokens from Vault for programs: always signed in.

``with TokenSource("pachyderm/creds/app", sign_in=AppRole(...)) as source: connect(source)``
"""

from __future__ import annotations

import importlib
from importlib.util import find_spec
from typing import Any

from pachyderm_vault.aio import AsyncTokenSource
from pachyderm_vault.endings import close_on_sigterm
from pachyderm_vault.errors import (
    ClosedError,
    FailedError,
    MovedError,
    RefusedError,
    SettingError,
    TokenError,
    UnreachableError,
)
from pachyderm_vault.lease import Credentials
from pachyderm_vault.secret import Secret
from pachyderm_vault.session import Session
from pachyderm_vault.sign_in import JWT, Agent, AppRole, Kubernetes, Token, TokenFile
from pachyderm_vault.source import TokenSource

__all__ = [
    "JWT",
    "Agent",
    "AppRole",
    "AsyncTokenSource",
    "ClosedError",
    "Credentials",
    "FailedError",
    "Kubernetes",
    "MovedError",
    "RefusedError",
    "Secret",
    "Session",
    "SettingError",
    "Token",
    "TokenError",
    "TokenFile",
    "TokenSource",
    "UnreachableError",
    "close_on_sigterm",
    "connect",
]
__version__ = "0.2.0"

_CLIENTS = {"pachyderm_sdk": "pachyderm_vault.sdk", "python_pachyderm": "pachyderm_vault.legacy"}


def connect(source: TokenSource, **options: Any) -> Any:
    """A client of Pachyderm's own that stays signed in, by whichever of the two is installed.

    As `pachyderm_vault.sdk.connect` (2.x) or `pachyderm_vault.legacy.connect` (1.x).
    """
    for client, module in _CLIENTS.items():
        if find_spec(client) is not None:
            return importlib.import_module(module).connect(source, **options)
    raise SettingError(
        "no client of Pachyderm's is installed: pip install 'pachyderm-vault[sdk]' for 2.x,"
        " 'pachyderm-vault[legacy]' for 1.x"
    )
