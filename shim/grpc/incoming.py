"""A call on the server's side of a connection, from its request fields to its trailers."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, Generic

from shim import http2
from shim.grpc.inbox import Inbox, Mailbox
from shim.grpc.messages import encode_message
from shim.grpc.method import Rep, Req
from shim.grpc.outbox import Outbox
from shim.grpc.status import RpcError, Status, status_fields

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from shim.grpc.call import Call, Stream
    from shim.grpc.method import Method
    from shim.grpc.server_link import ServerLink

_RESPONSE: Final = http2.encode([(":status", "200"), ("content-type", "application/grpc")])
_OK: Final = http2.encode(status_fields(Status.OK, ""))


#: bytes from which on a message is shown to `at_sight` when it begins
LONG: Final = 1 << 20


class Incoming(Generic[Req, Rep]):
    """What all kinds of calls share: the deadline, the handler's task, the one answer.

    Owns its HTTP/2 stream, where the link finds it (`shim.grpc.owner`).
    """

    def __init__(
        self,
        link: ServerLink,
        stream: http2.Stream,
        call: Call,
        method: Method[Req, Rep],
        inbox: Inbox[Req],
    ) -> None:
        self._link = link
        self._stream = stream
        self._inbox = inbox
        self._call = call
        self._path = method.path
        self._task: asyncio.Task[None] | None = None
        self._running = False
        self._opened = False
        self._answered = False
        #: the loop's time until which there may be an answer; None without, and once there is one
        self.deadline = call.deadline
        if call.deadline is not None:
            link.watch_deadline(call.deadline)

    def values(self, key: str) -> list[str]:
        """All values of one metadata key."""
        return self._call.values(key)

    def on_data(self, data: memoryview, ended: bool) -> None:
        """A piece of the request's body."""
        raise NotImplementedError

    def on_drained(self) -> None:
        """All that was sent has gone to the transport."""

    def on_stalled(self) -> None:
        """The client's window stayed shut, the stream is reset."""
        self.cancel()

    def cancel(self) -> None:
        """Nobody waits for the answer any more: stop the handler."""
        self._end()
        self._stop()
        self._call.untaken()  # of an answer that was still waiting for its turn

    def _start(self) -> None:
        """Run the handler in a task of its own."""
        self._link.call_begun(self)
        self._task = self._link.loop.create_task(self._run())

    def _stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            if not self._running:  # then `_run` will never begin
                self._link.call_over(self)

    async def _handle(self) -> None:
        """Run the handler and send its answer. For the kinds of calls."""
        raise NotImplementedError

    async def _run(self) -> None:
        self._running = True
        try:
            await self._handle()
        except RpcError as status:
            self._fail(status)
        except asyncio.CancelledError:
            self._fail(RpcError(Status.CANCELLED, "the call was cancelled"))
        except Exception as error:
            self._break(error)
        finally:
            self._link.call_over(self)

    def _break(self, error: Exception) -> None:
        """Answer for a handler that failed in a way of its own."""
        self._fail(RpcError(Status.UNKNOWN, type(error).__name__))
        self._link.report(self._path, error)

    def _fail(self, error: RpcError) -> None:
        """Answer with a status other than OK, unless the call has its answer."""
        self._call.untaken()
        if not self._answered:
            block = http2.encode(status_fields(error.code, error.message))
            self._answer(block if self._opened else _RESPONSE + block)

    def _answer(self, block: bytes) -> None:
        self._end()
        self._link.core.send_headers(self._stream, block, end=True)
        self._link.flush_call()

    def _end(self) -> None:
        """Give back what the call holds."""
        self._answered = True
        self.deadline = None
        self._inbox.release()

    def expire(self) -> None:
        """The deadline is here."""
        self._fail(RpcError(Status.DEADLINE_EXCEEDED, "context deadline exceeded"))
        self._stop()


class UnaryCall(Incoming[Req, Rep]):
    """One message in, one out."""

    def __init__(
        self,
        link: ServerLink,
        stream: http2.Stream,
        call: Call,
        method: Method[Req, Rep],
        encoding: str,
        handler: Callable[[Req, Call], Awaitable[Rep]],
        at_once: Callable[[Req, Call], Rep | None],
        at_sight: Callable[[bytes, Call], Rep | None],
    ) -> None:
        inbox = Inbox(link, stream, method.request, encoding)
        super().__init__(link, stream, call, method, inbox)
        self._handler = handler
        self._at_once = at_once
        self._at_sight = at_sight
        self._request: Req | None = None

    def on_data(self, data: memoryview, ended: bool) -> None:
        """Collect the request; its end starts the handler."""
        self._inbox.acknowledge(len(data))
        if self._answered:
            return
        try:
            for request, _ in self._inbox.feed(data):
                if self._request is not None:
                    raise RpcError(Status.INTERNAL, "more than one message to a unary method")
                self._request = request
            opening = self._inbox.opening(LONG)
            if opening is not None:
                reply = self._at_sight(opening, self._call)
                if reply is not None:
                    self._send(reply)
                    return
            self._inbox.hold()
            if ended:
                if self._request is None or self._inbox.partial:
                    raise RpcError(Status.INTERNAL, "the request ended before its message")
                reply = self._at_once(self._request, self._call)
                if reply is None:
                    self._start()
                else:
                    self._send(reply)
        except RpcError as status:
            self._fail(status)
        except Exception as error:
            self._break(error)

    async def _handle(self) -> None:
        request, self._request = self._request, None
        assert request is not None  # noqa: S101 - on_data has seen to it
        self._send(await self._handler(request, self._call))

    def _send(self, reply: Rep) -> None:
        body = encode_message(reply)
        if self._answered:  # by its deadline; or nobody waits
            self._call.untaken()
            return
        self._end()
        self._link.core.send_whole(self._stream, _RESPONSE, body, _OK)
        if self._stream.closed and self._call.on_untaken is not None:
            self._link.remember(self._stream, self._call)
        self._link.flush_call()

    def on_drained(self) -> None:
        """All of an answer that had to wait is framed, or the call was reset."""
        if self._call.on_untaken is not None:
            self._link.remember(self._stream, self._call)


class StreamCall(Incoming[Req, Rep]):
    """Any number of messages in and out."""

    def __init__(
        self,
        link: ServerLink,
        stream: http2.Stream,
        call: Call,
        method: Method[Req, Rep],
        encoding: str,
        handler: Callable[[Stream[Req, Rep], Call], Awaitable[None]],
    ) -> None:
        self._mailbox = Mailbox(link, stream, method.request, encoding)
        super().__init__(link, stream, call, method, self._mailbox)
        self._outbox = Outbox(link, stream)
        self._handler = handler
        self._start()

    def on_data(self, data: memoryview, ended: bool) -> None:
        """Queue what has come for the handler."""
        if self._answered:
            self._mailbox.acknowledge(len(data))
            return
        try:
            self._mailbox.put(data)
            if ended and self._mailbox.partial:
                raise RpcError(Status.INTERNAL, "the request ended inside a message")
        except RpcError as error:
            self._fail(error)
            self.cancel()
        if ended:
            self._mailbox.end()

    def on_drained(self) -> None:
        """Let a waiting `send` go on."""
        self._outbox.drained()

    async def receive(self) -> Req | None:
        """The next message, None after the client's last."""
        return await self._mailbox.take()

    async def send(self, message: Rep) -> None:
        """Send a message; waits while the client takes none."""
        if not self._opened:
            self._opened = True
            self._link.core.send_headers(self._stream, _RESPONSE)
        await self._outbox.send(message)

    async def _handle(self) -> None:
        await self._handler(self, self._call)
        if not self._answered:
            self._answer(_OK if self._opened else _RESPONSE + _OK)
