"""A channel whose every call carries the living token of a source."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Dict, Optional, Tuple

import grpc

from pachyderm_vault.calls import Signed
from pachyderm_vault.one_answer import OneAnswer

if TYPE_CHECKING:
    from pachyderm_vault.source import TokenSource


def signed(channel: grpc.Channel, source: TokenSource, trusted: Optional[str]) -> grpc.Channel:
    """The channel, with the token of `source` on each of its calls, as `Signed` puts it there."""
    return SignedChannel(channel, Signed(source, trusted))


class Remembering(grpc.Channel):
    """A channel that makes what calls a method once: gRPC's interceptors ask anew for each call."""

    def __init__(self, channel: grpc.Channel) -> None:
        self._channel = channel
        self._made: Dict[Tuple[Any, ...], Any] = {}

    def unary_unary(self, method: str, *how: Any, **more: Any) -> Any:
        """What makes calls of one request and one answer."""
        return self._remembered("unary_unary", method, how, more)

    def unary_stream(self, method: str, *how: Any, **more: Any) -> Any:
        """What makes calls of one request and a stream of answers."""
        return self._remembered("unary_stream", method, how, more)

    def stream_unary(self, method: str, *how: Any, **more: Any) -> Any:
        """What makes calls of a stream of requests and one answer."""
        return self._remembered("stream_unary", method, how, more)

    def stream_stream(self, method: str, *how: Any, **more: Any) -> Any:
        """What makes calls of two streams."""
        return self._remembered("stream_stream", method, how, more)

    def subscribe(self, *how: Any, **more: Any) -> None:
        """Have changes of the connection told."""
        self._channel.subscribe(*how, **more)

    def unsubscribe(self, *how: Any) -> None:
        """No more."""
        self._channel.unsubscribe(*how)

    def close(self) -> None:
        """Let the connection go."""
        self._channel.close()

    def __enter__(self) -> Remembering:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _remembered(self, form: str, method: str, how: Tuple[Any, ...], more: Any) -> Any:
        key = (form, method, how, *more.items())
        made = self._made.get(key)
        if made is None:
            made = self._made[key] = self._make(form, method, how, more)
        return made

    def _make(self, form: str, method: str, how: Tuple[Any, ...], more: Any) -> Any:
        return getattr(self._channel, form)(method, *how, **more)


class SignedChannel(Remembering):
    """Calls are intercepted by `by`; those of one answer that are waited for make a shorter way."""

    def __init__(self, channel: grpc.Channel, by: Signed) -> None:
        self._bare = Remembering(channel)
        self._by = by
        super().__init__(grpc.intercept_channel(self._bare, by))

    def _make(self, form: str, method: str, how: Tuple[Any, ...], more: Any) -> Any:
        made = super()._make(form, method, how, more)
        if form != "unary_unary":
            return made
        return OneAnswer(self._by, method, self._bare.unary_unary(method, *how, **more), made)
