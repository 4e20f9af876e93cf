"""A stream of answers that may be made again before its first one."""

from __future__ import annotations

from typing import Any, Callable, List, Optional

import grpc


class Answers:
    """A stream of answers, made again before its first one where pachd does not know the token.

    All else that a call can be asked is answered by the call as it then is, which is not made again
    from there on.
    """

    def __init__(self, call: Any, after: Callable[[Any], Any]) -> None:
        self._call = call
        self._after: Optional[Callable[[Any], Any]] = after
        self._callbacks: List[Callable[[Any], Any]] = []

    def __iter__(self) -> Answers:
        return self

    def __next__(self) -> Any:
        after = self._after
        if after is None:
            return next(self._call)
        try:
            answer = next(self._call)
        except grpc.RpcError as error:
            another = after(error)
            if another is not None and self._after is None:
                another.cancel()  # as the first was meanwhile, by another thread
                another = None
            if another is None:
                self._settled()
                raise
            self._call = another
        except StopIteration:
            self._settled()
            raise
        else:
            self._settled()
            return answer
        self._settled()
        return next(self._call)

    def add_done_callback(self, fn: Callable[[Any], Any]) -> None:
        """Have it called with the call that counts."""
        if self._after is None:
            self._call.add_done_callback(fn)
        else:
            self._callbacks.append(fn)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        self._settled()
        return getattr(self._call, name)

    def _settled(self) -> None:
        """There is no other call from here on."""
        self._after = None
        callbacks, self._callbacks = self._callbacks, []
        for fn in callbacks:
            self._call.add_done_callback(fn)
