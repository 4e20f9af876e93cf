"""A short path for a unix socket, a certificate, an ear for complaints."""

from __future__ import annotations

import asyncio
import gc
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.unit.grpc.certificates import identity

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator


@pytest.fixture
def socket_path() -> Iterator[str]:
    """A path short enough for a unix socket, wherever tests run."""
    with tempfile.TemporaryDirectory(prefix="h2") as folder:
        yield str(Path(folder) / "s")


@pytest.fixture(scope="module")
def pem(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate that both ends show and trust."""
    return identity(tmp_path_factory.mktemp("both"), "both")


@pytest.fixture
async def complaints() -> AsyncIterator[list[dict[str, Any]]]:
    """What the loop complained of; nothing, at the end of a test."""
    heard: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: heard.append(context))
    yield heard
    gc.collect()
    await asyncio.sleep(0)
    assert not heard
