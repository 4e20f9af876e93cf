"""A call on the client's side of a connection."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, Generic

from shim import http2
from shim.grpc.inbox import Inbox, Mailbox
from shim.grpc.metadata import is_grpc
from shim.grpc.method import Rep, Req
from shim.grpc.outbox import Outbox
from shim.grpc.status import RpcError, Status, error_of_http, error_of_trailers

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from typing import Any

    from shim.grpc.client_link import ClientLink
    from shim.grpc.method import Method


class Unprocessed(RpcError):  # noqa: N818 - says what is known of the call
    """The server surely has not begun the call: it may be sent again."""


#: what a RST_STREAM means, by gRPC's table; any other code is INTERNAL
_FROM_RESET: Final = {
    http2.ErrorCode.REFUSED_STREAM: Status.UNAVAILABLE,
    http2.ErrorCode.CANCEL: Status.CANCELLED,
    http2.ErrorCode.ENHANCE_YOUR_CALM: Status.RESOURCE_EXHAUSTED,
    http2.ErrorCode.INADEQUATE_SECURITY: Status.PERMISSION_DENIED,
}


class Outgoing(Generic[Req, Rep]):
    """What all kinds of calls share: the deadline, the answer's fields, one end.

    Owns its HTTP/2 stream, where the link finds it (`shim.grpc.owner`).
    """

    def __init__(
        self, link: ClientLink, stream: http2.Stream, deadline: float | None, inbox: Inbox[Rep]
    ) -> None:
        self._link = link
        self._stream = stream
        self._inbox = inbox
        self._done = False
        #: the loop's time at which the call ends without an answer; None for never
        self.deadline = deadline
        if deadline is not None:
            link.watch_deadline(deadline)

    # What the link tells

    def on_response(self, fields: http2.Fields, ended: bool) -> None:
        """The response's header fields, which may be all there is."""
        found = dict(fields)
        if ended and "grpc-status" in found:
            self._finish(error_of_trailers(fields))
            return
        content_type = found.get("content-type", "")
        if found[":status"] != "200" or not is_grpc(content_type):
            self._finish(error_of_http(found[":status"], content_type))
        elif ended:
            self._finish(error_of_trailers(fields))

    def on_data(self, data: memoryview, ended: bool) -> None:
        """A piece of the response's body."""
        if self._done:
            self._inbox.acknowledge(len(data))
            return
        try:
            self._take(data)
        except RpcError as error:
            self._finish(error)
        if ended:  # gRPC ends with trailers
            self._finish(error_of_trailers([]))

    def on_trailers(self, fields: http2.Fields) -> None:
        """The fields behind the body."""
        fault = error_of_trailers(fields)
        if fault is None and self._inbox.partial:
            fault = RpcError(Status.INTERNAL, "the answer ended inside a message")
        self._finish(fault)

    def on_reset(self, event: http2.StreamReset) -> None:
        """The stream was cut, by the server or for a fault of its."""
        code = _FROM_RESET.get(http2.ErrorCode(event.code)) if event.code in _FROM_RESET else None
        if event.untouched:
            self._finish(Unprocessed(Status.UNAVAILABLE, f"the server refused: {event.reason}"))
        elif event.by_peer:
            self._finish(
                RpcError(code or Status.INTERNAL, f"the server reset the call: {event.reason}")
            )
        else:
            self._finish(RpcError(Status.INTERNAL, f"the server broke HTTP/2: {event.reason}"))

    def on_lost(self, reason: str) -> None:
        """The connection is gone."""
        self._finish(RpcError(Status.UNAVAILABLE, reason))

    def on_drained(self) -> None:
        """All that was sent has gone to the transport."""

    def on_stalled(self) -> None:
        """The server's window stayed shut, the stream is reset."""
        self._finish(RpcError(Status.UNAVAILABLE, "the server takes nothing of the call"))

    def cancel(self) -> None:
        """Stop the call, unless it is over."""
        self._finish(RpcError(Status.CANCELLED, "the call was cancelled"))

    # For the kinds of calls

    def _take(self, data: memoryview) -> None:
        raise NotImplementedError

    def _settle(self, fault: RpcError | None) -> None:
        raise NotImplementedError

    def _finish(self, fault: RpcError | None) -> None:
        if self._done:
            return
        self._done = True
        self.deadline = None
        self._settle(fault)
        self._inbox.release()
        if not self._stream.closed:
            self._link.core.reset(self._stream, http2.ErrorCode.CANCEL)
            self._link.flush_soon()
        self._link.call_over()

    def expire(self) -> None:
        """The deadline is here."""
        self._finish(RpcError(Status.DEADLINE_EXCEEDED, "context deadline exceeded"))


class UnaryExchange(Outgoing[Req, Rep]):
    """One message out, one in; `answer` brings it, or the RpcError."""

    def __init__(
        self,
        link: ClientLink,
        stream: http2.Stream,
        method: Method[Req, Rep],
        deadline: float | None,
    ) -> None:
        inbox = Inbox(link, stream, method.reply, limit=method.max_reply)
        super().__init__(link, stream, deadline, inbox)
        self._reply: Rep | None = None
        self._fault: RpcError | None = None
        self.answer: asyncio.Future[Rep] = link.loop.create_future()

    def _take(self, data: memoryview) -> None:
        self._inbox.acknowledge(len(data))
        for reply, _ in self._inbox.feed(data):
            if self._reply is not None:
                raise RpcError(Status.INTERNAL, "more than one message from a unary method")
            self._reply = reply
        self._inbox.hold()

    async def outlived(self) -> Rep:
        """The answer, though whoever waits is cancelled meanwhile; raises RpcError."""
        while True:
            try:
                return await self.answer
            except asyncio.CancelledError:
                if self.answer.cancelled():
                    self.answer = self._link.loop.create_future()
                    if self._done:
                        self._tell()

    def _settle(self, fault: RpcError | None) -> None:
        self._fault = fault
        if not self.answer.done():  # cancelled by its waiter
            self._tell()

    def _tell(self) -> None:
        if self._fault is not None:
            self.answer.set_exception(self._fault)
        elif self._reply is None:
            self.answer.set_exception(RpcError(Status.INTERNAL, "OK without a message"))
        else:
            self.answer.set_result(self._reply)


class ClientStream(Outgoing[Req, Rep]):
    """Both directions of a streaming call, as its caller uses them."""

    def __init__(
        self,
        link: ClientLink,
        stream: http2.Stream,
        method: Method[Req, Rep],
        deadline: float | None,
    ) -> None:
        self._mailbox = Mailbox(link, stream, method.reply)
        super().__init__(link, stream, deadline, self._mailbox)
        self._outbox = Outbox(link, stream)
        self._fault: RpcError | None = None
        self._written = False

    async def send(self, message: Req) -> None:
        """Send a message; waits while the server takes none. Raises RpcError once it is over."""
        if not self._done:
            await self._outbox.send(message)
        if self._fault is not None:
            raise self._fault

    async def done_writing(self) -> None:
        """Say that no more messages come; `receive` goes on."""
        if not self._written:
            self._written = True
            self._link.core.send_data(self._stream, b"", end=True)
            self._link.flush_soon()

    async def receive(self) -> Rep | None:
        """The next message, None after the last of a call that ended OK; else raises RpcError."""
        return await self._mailbox.take()

    def on_drained(self) -> None:
        """Let a waiting `send` go on."""
        self._outbox.drained()

    def _take(self, data: memoryview) -> None:
        self._mailbox.put(data)

    def _settle(self, fault: RpcError | None) -> None:
        self._fault = fault or RpcError(Status.CANCELLED, "the call is over")
        self._mailbox.end(fault)
        self._outbox.drained()


class Streaming(Generic[Req, Rep]):
    """A streaming call as an async context: leaving it cancels the call unless it is over."""

    def __init__(self, begun: Coroutine[Any, Any, ClientStream[Req, Rep]]) -> None:
        self._begun = begun
        self._call: ClientStream[Req, Rep] | None = None

    async def __aenter__(self) -> ClientStream[Req, Rep]:
        self._call = await self._begun
        return self._call

    async def __aexit__(self, *_: object) -> None:
        if self._call is not None:
            self._call.cancel()
