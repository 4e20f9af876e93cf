"""What a server's handler sees: one call, and for streaming methods its two directions."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol, TypeVar

from google.protobuf.message import Message

from shim.grpc.metadata import Metadata, user_metadata

if TYPE_CHECKING:
    from collections.abc import Callable

    from shim import http2

_In = TypeVar("_In", bound=Message, covariant=True)
_Out = TypeVar("_Out", bound=Message, contravariant=True)


class Call:
    """The server's view of one call."""

    __slots__ = ("_fields", "_metadata", "connection", "deadline", "on_untaken")

    def __init__(self, fields: http2.Fields, deadline: float | None, connection: object) -> None:
        self._fields = fields
        self._metadata: Metadata | None = None
        #: the loop's time at which the caller gives up; None without a deadline
        self.deadline = deadline
        #: the same object for all calls of one connection, another for each other connection
        self.connection = connection
        #: called, at most once, where the answer of a unary call reaches nobody
        self.on_untaken: Callable[[], None] | None = None

    def untaken(self) -> None:
        """Tell whoever wants to know that the answer reaches nobody."""
        told, self.on_untaken = self.on_untaken, None
        if told is not None:
            told()

    @property
    def metadata(self) -> Metadata:
        """What the caller sent beside the message; values byte for byte (latin-1)."""
        if self._metadata is None:
            self._metadata = user_metadata(self._fields)
        return self._metadata

    def values(self, key: str) -> list[str]:
        """All values of one metadata key, in order."""
        return [value for name, value in self._fields if name == key]

    def remaining(self) -> float | None:
        """Seconds until the deadline, never below zero; None without a deadline."""
        if self.deadline is None:
            return None
        return max(0.0, self.deadline - asyncio.get_running_loop().time())


class Stream(Protocol[_In, _Out]):
    """Both directions of a streaming call, as its handler uses them."""

    async def receive(self) -> _In | None:
        """The next message, None after the client's last."""

    async def send(self, message: _Out) -> None:
        """Send a message; waits while the client takes none.

        Raises RpcError(RESOURCE_EXHAUSTED) for a message beyond four GiB.
        """
