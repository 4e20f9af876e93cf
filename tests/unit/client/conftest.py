"""What the client's tests share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.unit.client.vault import Vault, vault

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def host() -> Iterator[Vault]:
    """A Vault that answers as a test says."""
    with vault() as running:
        yield running
