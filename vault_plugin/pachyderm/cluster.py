"""A cluster: one pachd, its connection, and its generation once it has been asked."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Self

from vault_plugin.pachyderm import release
from vault_plugin.pachyderm.client import Client, Endpoint, Urgent
from vault_plugin.pachyderm.errors import Meaning, PachdError
from vault_plugin.pachyderm.v1 import V1
from vault_plugin.pachyderm.v2 import V2
from vault_plugin.shared import Shared

if TYPE_CHECKING:
    from collections.abc import Callable

    from vault_plugin.pachyderm.api import Api
    from vault_plugin.pachyderm.release import Release

# Asked in this order.
GENERATIONS: dict[str, Callable[[Client | Urgent, Release | None], Api]] = {
    V2.generation: V2,
    V1.generation: V1,
}


class Cluster:
    """Holds one connection to one pachd.

    `generation` and `version`, where they are known already, save asking. Closed by `close` or by
    leaving its ``async with``.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        request_timeout: float,
        max_in_flight: int,
        generation: str = "",
        version: str = "",
    ) -> None:
        self.endpoint = endpoint
        self._client = Client(
            endpoint,
            request_timeout=request_timeout,
            max_in_flight=max_in_flight,
            on_wrong_generation=self._forget_generation,
        )
        known = GENERATIONS.get(generation)
        self._api = None if known is None else known(self._client, release.parse(version))
        self._asking: dict[bool, Shared[Api]] = {urgent: Shared() for urgent in (False, True)}

    async def api(self, *, urgent: bool = False) -> Api:
        """The API this pachd speaks, by asking its version on either name.

        One that is `urgent` makes the calls that are the host's own. Raises PachdError when pachd
        does not answer, or answers to neither.
        """
        api = self._api
        if api is None:  # who is urgent does not wait for those who are not
            ask = functools.partial(self.ask, urgent=urgent)
            api = await self._asking[urgent].wait(ask)
        if not urgent:
            return api
        return GENERATIONS[api.generation](self._client.urgent, api.release)

    async def ask(self, *, urgent: bool = False) -> Api:
        """The API for callers, asked anew: pachd may have been upgraded."""
        for generation in GENERATIONS.values():
            asking = generation(self._client.urgent if urgent else self._client, None)
            try:
                await asking.version()
            except PachdError as error:
                if error.meaning is not Meaning.WRONG_GENERATION:
                    raise
                refusal = error
            else:
                self._api = generation(self._client, asking.release)
                return self._api
        raise refusal

    def _forget_generation(self) -> None:
        """Ask again at the next call: pachd was upgraded behind the same address."""
        self._api = None

    async def close(self) -> None:
        """Close the connection."""
        await self._client.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()
