"""How an application signs in: by AppRole."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.integration.openbao import VaultServer


def enable(server: VaultServer, policy: str) -> tuple[str, str]:
    """Let ``app`` sign in, for an hour, to do what `policy` says: its role ID and secret ID."""
    vault = server.client()
    vault.sys.create_or_update_policy("app", policy)
    vault.sys.enable_auth_method("approle")
    approle = vault.auth.approle
    approle.create_or_update_approle("app", token_policies=["app"], token_ttl="1h")
    role_id: str = approle.read_role_id("app")["data"]["role_id"]
    secret_id: str = approle.generate_secret_id("app")["data"]["secret_id"]
    return role_id, secret_id


def disable(server: VaultServer) -> None:
    """Let nobody sign in any more."""
    server.client().sys.disable_auth_method("approle")
