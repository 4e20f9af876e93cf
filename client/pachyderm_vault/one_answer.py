"""Calls of one request and one answer, which nearly all are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Optional

import grpc

from pachyderm_vault.calls import left, with_token
from pachyderm_vault.clock import now

if TYPE_CHECKING:
    from pachyderm_vault.calls import Signed


class OneAnswer(grpc.UnaryUnaryMultiCallable):  # type: ignore[type-arg]  # at run time it takes none
    """Makes calls of `method` as `by` would, where they are waited for without gRPC's interceptors.

    These cost more than all the rest: bench/client.py. `bare` makes calls without a token,
    `intercepted` by way of `by`.
    """

    def __init__(self, by: Signed, method: str, bare: Any, intercepted: Any) -> None:
        self._by = by
        self._method = method
        self._bare = bare
        self._intercepted = intercepted

    def __call__(
        self,
        request: Any,
        timeout: Optional[float] = None,
        metadata: Any = None,
        *how: Any,
        **more: Any,
    ) -> Any:
        """The answer."""
        return self._answered(self._bare, request, timeout, metadata, how, more)

    def with_call(
        self,
        request: Any,
        timeout: Optional[float] = None,
        metadata: Any = None,
        *how: Any,
        **more: Any,
    ) -> Any:
        """The answer, and the call."""
        return self._answered(self._bare.with_call, request, timeout, metadata, how, more)

    def future(self, *how: Any, **more: Any) -> Any:
        """The call, which nobody waits for yet."""
        return self._intercepted.future(*how, **more)

    def _answered(
        self, make: Any, request: Any, timeout: Optional[float], metadata: Any, how: Any, more: Any
    ) -> Any:
        ends = None if timeout is None else now() + timeout
        used = self._by.credentials(ends)
        try:
            return make(request, left(ends), with_token(metadata, used), *how, **more)
        except grpc.RpcError as error:
            another = self._by.after(self._method, error, used, ends)
            if another is None:
                raise
        return make(request, left(ends), with_token(metadata, another), *how, **more)
