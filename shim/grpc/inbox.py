"""The receiving direction of a call: bytes to messages, counted, with the window behind them."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final, Generic, TypeVar, cast

from google.protobuf.message import Message

from shim.grpc.messages import MessageReader, lone_message
from shim.grpc.status import RpcError, Status

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from shim import http2
    from shim.grpc.account import Account
    from shim.grpc.link import Link

Msg = TypeVar("Msg", bound=Message)
#: bytes of a message that are its beginning
_OPENING: Final = 1 << 17


class Inbox(Generic[Msg]):
    """Parses what comes and accounts for what is kept of it.

    A message has at most `limit` bytes, None for the `max_message` of the link.
    """

    __slots__ = (
        "_account",
        "_encoding",
        "_held",
        "_limit",
        "_link",
        "_parse",
        "_reader",
        "_stream",
    )

    def __init__(
        self,
        link: Link,
        stream: http2.Stream,
        kind: type[Msg],
        encoding: str = "",
        limit: int | None = None,
    ) -> None:
        self._link = link
        self._stream = stream
        # upb parses any buffer; its stubs say bytes only.
        self._parse = cast("Callable[[memoryview], Msg]", kind.FromString)
        self._encoding = encoding
        self._limit = link.limits.max_message if limit is None else limit
        self._reader: MessageReader | None = None  # once a message comes in pieces
        self._account: Account | None = None  # once there is something to pay for
        self._held = 0

    @property
    def partial(self) -> bool:
        """Whether a message has begun and not ended."""
        return self._reader is not None and self._reader.held > 0

    def opening(self, longer_than: int) -> bytes | None:
        """The beginning of a message that is announced as longer than so many bytes.

        None where there is none, and where too much has come to look again.
        """
        reader = self._reader
        if reader is None or reader.wanted <= longer_than or reader.held > _OPENING:
            return None
        return reader.begun

    def feed(self, data: memoryview) -> list[tuple[Msg, int]]:
        """The messages that `data` completes, each with its size; raises RpcError."""
        parse = self._parse
        try:
            if self._reader is None:
                lone = lone_message(data, self._limit)
                if lone is not None:
                    return [(parse(lone), len(lone))]
                self._reader = MessageReader(self._limit, self._encoding)
            return [(parse(view), len(view)) for view in self._reader.feed(data)]
        except RpcError:
            raise
        except Exception as error:  # DecodeError, and what else protobuf raises for bad bytes
            raise RpcError(
                Status.INTERNAL, f"grpc: error unmarshalling message: {type(error).__name__}"
            ) from error

    def hold(self, unread: int = 0) -> None:
        """Account for the unfinished message and `unread` bytes; raises RpcError if too much."""
        size = unread if self._reader is None else unread + self._reader.held
        if size != self._held:
            account = self._account
            if account is None:
                account = self._account = self._link.account_of(self._stream)
            grown = size - self._held
            account.size += grown
            self._held = size
            if grown > 0 and account.size > self._link.limits.max_buffered:
                raise RpcError(Status.RESOURCE_EXHAUSTED, "too much unhandled data received")

    def release(self) -> None:
        """Give back what is accounted for: the call is over."""
        if self._account is not None:
            self._account.size -= self._held
            self._held = 0

    def acknowledge(self, size: int) -> None:
        """Open the peer's window again by `size` bytes."""
        self._link.core.acknowledge(self._stream, size)


class Mailbox(Inbox[Msg]):
    """An inbox of many messages, taken one by one; a reader that is behind shuts the window."""

    __slots__ = ("_arrival", "_ended", "_fault", "_over", "_owed", "_size", "_unread")

    def __init__(
        self, link: Link, stream: http2.Stream, kind: type[Msg], encoding: str = ""
    ) -> None:
        super().__init__(link, stream, kind, encoding)
        self._unread: deque[tuple[Msg, int]] = deque()
        self._size = 0
        self._owed = 0  # taken from the wire, not given back to the peer's window yet
        self._ended = False
        self._over = False
        self._fault: RpcError | None = None
        self._arrival: asyncio.Future[None] | None = None

    def put(self, data: memoryview) -> None:
        """Queue the messages that `data` completes; raises RpcError."""
        self._owed += len(data)
        for message, size in self.feed(data):
            self._unread.append((message, size))
            self._size += size
            self._link.core.worked()
        if not self._over:
            self.hold(self._size)
        self._pay()
        wake(self._arrival)

    def end(self, fault: RpcError | None = None) -> None:
        """No more messages come; `fault` is raised after the last, where there is one."""
        self._ended = True
        self._fault = fault
        wake(self._arrival)

    def release(self) -> None:
        """Give back what is accounted for; what is unread may still be taken."""
        self._over = True
        super().release()

    async def take(self) -> Msg | None:
        """The next message, None after the last; raises what `end` was given."""
        while not self._unread:
            if self._fault is not None:
                raise self._fault
            if self._ended:
                return None
            self._arrival = self._link.loop.create_future()
            await self._arrival
        message, size = self._unread.popleft()
        self._size -= size
        if not self._over:
            self.hold(self._size)
        if self._owed:
            self._pay()
            self._link.flush_soon()
        return message

    def _pay(self) -> None:
        """Open the peer's window, unless the reader is behind."""
        if self._size < self._link.limits.max_unread:
            self.acknowledge(self._owed)
            self._owed = 0


def wake(waiter: asyncio.Future[None] | None) -> None:
    """Let whoever waits for `waiter` go on."""
    if waiter is not None and not waiter.done():
        waiter.set_result(None)
