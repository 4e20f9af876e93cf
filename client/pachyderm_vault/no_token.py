"""A call of gRPC's that was not begun, since there is no token for it."""

from __future__ import annotations

from typing import Any, Callable, Optional

import grpc

from pachyderm_vault.errors import TokenError


class NoTokenError(TokenError, grpc.RpcError):
    """A call was not begun, since there is no token for it: pachd was not asked.

    To those who look, it is a call that failed as UNAUTHENTICATED.
    """

    def code(self) -> grpc.StatusCode:
        return grpc.StatusCode.UNAUTHENTICATED

    def details(self) -> str:
        return str(self)

    def initial_metadata(self) -> Any:
        return ()

    def trailing_metadata(self) -> Any:
        return ()

    def result(self, timeout: Optional[float] = None) -> Any:
        raise self

    def exception(self, timeout: Optional[float] = None) -> Any:
        return self

    def traceback(self, timeout: Optional[float] = None) -> Any:
        return self.__traceback__

    def add_done_callback(self, fn: Callable[[Any], Any]) -> None:
        fn(self)

    def add_callback(self, callback: Callable[[], Any]) -> bool:
        return False

    def cancel(self) -> bool:
        return False

    def cancelled(self) -> bool:
        return False

    def running(self) -> bool:
        return False

    def done(self) -> bool:
        return True
