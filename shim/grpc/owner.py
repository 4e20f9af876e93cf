"""What a link asks of its calls: each owns an HTTP/2 stream, and there the link finds it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from shim import http2


class Owner(Protocol):
    """A call at either end."""

    #: the loop's time at which the call hears that it is late; None for never
    deadline: float | None

    def on_data(self, data: memoryview, ended: bool) -> None:
        """Take a piece of the peer's body."""

    def on_drained(self) -> None:
        """All that was sent has gone to the transport."""

    def on_stalled(self) -> None:
        """The peer's window stayed shut, the stream is reset."""

    def expire(self) -> None:
        """The deadline is here."""

    def cancel(self) -> None:
        """Nobody waits for the answer any more."""


class ClientOwner(Owner, Protocol):
    """A call as a client's link sees it."""

    def on_response(self, fields: http2.Fields, ended: bool) -> None:
        """Take the response's header fields, which may be all there is."""

    def on_trailers(self, fields: http2.Fields) -> None:
        """Take the fields behind the body."""

    def on_reset(self, event: http2.StreamReset) -> None:
        """The stream was cut, by the server or for a fault of its."""

    def on_lost(self, reason: str) -> None:
        """The connection is gone."""


class ServerOwner(Owner, Protocol):
    """A call as a server's link sees it."""

    def values(self, key: str) -> list[str]:
        """All values of one metadata key."""
