"""The source for asyncio: asked without holding the event loop."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Optional

from pachyderm_vault.clock import now
from pachyderm_vault.errors import TokenError
from pachyderm_vault.source import CLOSING, TIMEOUT, TokenSource

if TYPE_CHECKING:
    from pachyderm_vault.lease import Credentials
    from pachyderm_vault.secret import Secret


class AsyncTokenSource:
    """As `TokenSource`, which it is made as, or of: `await` what asks.

    A token at hand costs nothing; else one thread asks Vault for all tasks that wait.
    """

    def __init__(self, path: str, vault: Any = None, **options: Any) -> None:
        self.source = TokenSource(path, vault, **options)
        self._asked: Optional[asyncio.Future[Credentials]] = None

    def __repr__(self) -> str:
        return f"Async{self.source!r}"

    async def __aenter__(self) -> AsyncTokenSource:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def credentials(self, timeout: float = TIMEOUT) -> Credentials:
        """As `TokenSource.credentials`."""
        deadline = now() + timeout
        while True:
            found = self.source.at_hand()
            if found is not None:
                return found
            asked = self._asked
            loop = asyncio.get_running_loop()
            mine = asked is None or asked.done() or asked.get_loop() is not loop
            if asked is None or mine:
                asked = loop.run_in_executor(None, self.source.credentials, deadline - now())
                self._asked = asked
            try:
                # Others wait for it, too, and it may wait for longer.
                return await asyncio.wait_for(asyncio.shield(asked), max(0.0, deadline - now()))
            except asyncio.TimeoutError:
                if asked.done():  # it was the other's time that was over
                    continue
                raise self.source.in_vain() from None
            except TokenError:
                if mine or now() >= deadline:
                    raise

    async def token(self, timeout: float = TIMEOUT) -> Secret:
        """As `TokenSource.token`."""
        return (await self.credentials(timeout)).token

    async def refused(
        self, credentials: Credentials, timeout: float = TIMEOUT
    ) -> Optional[Credentials]:
        """As `TokenSource.refused`."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(None, self.source.refused, credentials, timeout)

    async def close(self, *, timeout: float = CLOSING) -> None:
        """As `TokenSource.close`."""
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(None, lambda: self.source.close(timeout=timeout))
