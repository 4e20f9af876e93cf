"""A short path for a unix socket."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def socket_path() -> Iterator[str]:
    """A path short enough for a unix socket, wherever tests run."""
    with tempfile.TemporaryDirectory(prefix="h2") as folder:
        yield str(Path(folder) / "s")
