"""Our server, and grpcio's, each serving the echo."""

from __future__ import annotations

import asyncio
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from google.protobuf.wrappers_pb2 import BytesValue, StringValue

from shim.grpc import Call, RpcError, Server, Status, Stream
from tests.conformance import echo

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator


class OurEcho:
    """Our server with the echo on it, and what its handlers saw."""

    def __init__(self) -> None:
        self.cancelled = asyncio.Event()
        self.hanging = asyncio.Event()
        self.deadlines: list[float | None] = []
        self.connections = 0
        self.errors: list[tuple[str, BaseException]] = []
        self.server = Server(
            on_connections=self._count, on_error=lambda *error: self.errors.append(error)
        )
        self.server.unary(echo.ECHO, self._echo)
        self.server.unary(echo.METADATA, self._metadata)
        self.server.unary(echo.FAIL, self._fail)
        self.server.unary(echo.HANG, self._hang)
        self.server.stream(echo.COUNT, self._counting)
        self.server.stream(echo.COLLECT, self._collect)
        self.server.stream(echo.CHAT, self._chat)

    def _count(self, live: int) -> None:
        self.connections = live

    async def _echo(self, request: BytesValue, call: Call) -> BytesValue:
        return request

    async def _metadata(self, request: StringValue, call: Call) -> StringValue:
        return StringValue(value="|".join(call.values("k")))

    async def _fail(self, request: StringValue, call: Call) -> StringValue:
        code, _, message = request.value.partition(":")
        if not code:
            raise KeyError("a secret")
        raise RpcError(Status(int(code)), message)

    async def _hang(self, request: StringValue, call: Call) -> StringValue:
        self.deadlines.append(call.remaining())
        self.hanging.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.cancelled.set()
        raise AssertionError

    async def _counting(self, stream: Stream[StringValue, StringValue], call: Call) -> None:
        request = await stream.receive()
        assert request is not None
        for number in range(int(request.value)):
            await stream.send(StringValue(value=str(number)))

    async def _collect(self, stream: Stream[BytesValue, StringValue], call: Call) -> None:
        total = 0
        while (message := await stream.receive()) is not None:
            total += len(message.value)
        await stream.send(StringValue(value=str(total)))

    async def _chat(self, stream: Stream[BytesValue, BytesValue], call: Call) -> None:
        while (message := await stream.receive()) is not None:
            await stream.send(message)


@pytest.fixture
def socket_path() -> Iterator[str]:
    """A path short enough for a unix socket, wherever tests run."""
    with tempfile.TemporaryDirectory(prefix="h2") as folder:
        yield str(Path(folder) / "s")


@pytest.fixture
async def ours(socket_path: str) -> AsyncIterator[OurEcho]:
    """Our server, listening on `socket_path`."""
    served = OurEcho()
    await served.server.listen_unix(socket_path)
    yield served
    served.server.close()


class GrpcioEcho:
    """grpcio's server with the echo on it."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.cancelled = threading.Event()
        self.hanging = threading.Event()
        self.remaining: list[float | None] = []
        self._workers = ThreadPoolExecutor(110)
        self.server = grpc.server(
            self._workers,
            options=[
                ("grpc.max_receive_message_length", -1),
                ("grpc.max_send_message_length", -1),
            ],
        )
        kinds: dict[str, Any] = {
            "Echo": grpc.unary_unary_rpc_method_handler(lambda request, context: request),
            "Metadata": grpc.unary_unary_rpc_method_handler(self._metadata),
            "Fail": grpc.unary_unary_rpc_method_handler(self._fail),
            "Hang": grpc.unary_unary_rpc_method_handler(self._hang),
            "Count": grpc.unary_stream_rpc_method_handler(self._count),
            "Collect": grpc.stream_unary_rpc_method_handler(self._collect),
            "Chat": grpc.stream_stream_rpc_method_handler(lambda requests, context: requests),
        }
        self.server.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler("test.Echo", kinds),)
        )
        self.server.add_insecure_port(f"unix:{path}")
        self.server.start()

    def stop(self, grace: float | None) -> threading.Event:
        """Stop; the event is set when the last call has ended."""
        stopped: threading.Event = self.server.stop(grace)
        return stopped

    def close(self) -> None:
        """Stop at once, workers and all."""
        self.cancelled.set()
        self.stop(None).wait(10)
        self._workers.shutdown()

    def _metadata(self, request: bytes, context: grpc.ServicerContext) -> bytes:
        values = [str(value) for key, value in context.invocation_metadata() if key == "k"]
        context.set_trailing_metadata((("left", "over"),))
        return StringValue(value="|".join(values)).SerializeToString()

    def _fail(self, request: bytes, context: grpc.ServicerContext) -> bytes:
        code, _, message = StringValue.FromString(request).value.partition(":")
        known = next(each for each in grpc.StatusCode if each.value[0] == int(code))
        context.abort(known, message)
        raise AssertionError

    def _hang(self, request: bytes, context: grpc.ServicerContext) -> bytes:
        self.remaining.append(context.time_remaining())
        context.add_callback(self.cancelled.set)
        self.hanging.set()
        self.cancelled.wait(30)
        return b""

    def _count(self, request: bytes, context: grpc.ServicerContext) -> Iterator[bytes]:
        for number in range(int(StringValue.FromString(request).value)):
            yield StringValue(value=str(number)).SerializeToString()

    def _collect(self, requests: Iterator[bytes], context: grpc.ServicerContext) -> bytes:
        total = sum(len(BytesValue.FromString(request).value) for request in requests)
        return StringValue(value=str(total)).SerializeToString()


@pytest.fixture
def theirs(socket_path: str) -> Iterator[GrpcioEcho]:
    """grpcio's server, listening on `socket_path`."""
    served = GrpcioEcho(socket_path)
    yield served
    served.close()
