"""A namespace on a server that has them, which the community edition of Vault has not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.integration.openbao import VaultServer

UNSUPPORTED = 404
TEAM = "/v1/sys/namespaces/team"
INSIDE = {"X-Vault-Namespace": "team"}


def skip_where_unsupported(server: VaultServer, what: str, status: int, answer: Any) -> None:
    """Skip the test where the answer is that the server's edition lacks `what`."""
    if status == UNSUPPORTED:
        said = " ".join(" ".join(answer["errors"]).split()) if answer else status
        pytest.skip(f"this {server.kind.title} has no {what}: {said}")


def make_namespace(server: VaultServer) -> None:
    """Make the namespace ``team``, or skip the test."""
    status, answer = server.http("POST", TEAM, {})
    skip_where_unsupported(server, "namespaces", status, answer)
    assert status == 200, answer
