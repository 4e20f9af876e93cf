"""The gRPC server of a simulated pachd: from bytes to a handler and back."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

import grpc
from google.protobuf.message import DecodeError, Message
from grpc import StatusCode

from tests.pachd.call import Call, Pachd
from tests.pachd.faults import Faults, When
from tests.pachd.refusal import Refusal

Context = grpc.aio.ServicerContext  # of bytes
LARGEST = 20 * 1024 * 1024  # bytes of a message


@dataclass(frozen=True)
class Certificate:
    """What a TLS server shows: PEM certificate (with chain) and private key."""

    certificate: bytes
    key: bytes


class Server(grpc.GenericRpcHandler):
    """Answers every path, known or not; ``cut`` cuts a connection by the caller's port."""

    def __init__(self, pachd: Pachd, faults: Faults, cut: Callable[[int], None]) -> None:
        self.journal: list[Call] = []
        self.busiest = 0
        self._running = 0
        self._pachd = pachd
        self._services = pachd.services
        self._faults = faults
        self._cut = cut
        self._server: grpc.aio.Server | None = None

    async def start(self, certificate: Certificate | None) -> int:
        """Listen on a free port of the loopback and return it."""
        self._server = grpc.aio.server(
            handlers=(self,),
            options=[("grpc.max_receive_message_length", LARGEST), ("grpc.so_reuseport", 0)],
        )
        if certificate is None:
            port = self._server.add_insecure_port("127.0.0.1:0")
        else:
            pair = (certificate.key, certificate.certificate)
            port = self._server.add_secure_port("127.0.0.1:0", grpc.ssl_server_credentials([pair]))
        await self._server.start()
        return port

    async def stop(self) -> None:
        """Stop at once; calls under way are cancelled."""
        if self._server is not None:
            await self._server.stop(None)
            self._server = None

    def service(self, details: grpc.HandlerCallDetails) -> "grpc.RpcMethodHandler[bytes, bytes]":
        path = details.method
        stream = self._pachd.streams.get(path)

        async def answers(
            bodies: AsyncIterator[bytes], context: "Context[bytes, bytes]"
        ) -> AsyncIterator[bytes]:
            assert stream is not None
            call = self._begun(path, context)
            try:
                async for body in stream(call, bodies):
                    yield body
            except Refusal as refusal:
                call.code = refusal.code
                await context.abort(refusal.code, refusal.message)
            call.code = StatusCode.OK

        async def answer(body: bytes, context: "Context[bytes, bytes]") -> bytes:
            call = self._begun(path, context)
            self._running += 1
            self.busiest = max(self.busiest, self._running)
            try:
                response = await self._answer(call, body, _port(context.peer()))
            except Refusal as refusal:
                call.code = refusal.code
                await context.abort(refusal.code, refusal.message)
            finally:
                self._running -= 1
            call.code = StatusCode.OK
            return response.SerializeToString()

        if stream is not None:
            return grpc.stream_stream_rpc_method_handler(answers)
        return grpc.unary_unary_rpc_method_handler(answer)

    def _begun(self, path: str, context: "Context[bytes, bytes]") -> Call:
        metadata = context.invocation_metadata() or ()
        tokens = tuple(str(value) for key, value in metadata if key == "authn-token")
        call = Call(path, tokens)
        call.subject = self._pachd.subject_of(tokens[0]) if tokens else None
        self.journal.append(call)
        return call

    async def _answer(self, call: Call, body: bytes, port: int) -> Message:
        methods = self._services.get(call.service)
        if methods is None or call.method not in methods:
            raise self._pachd.unknown(call.service, call.method, served=methods is not None)
        request_type, handler = methods[call.method]
        try:
            request = request_type.FromString(body)
        except DecodeError:
            raise Refusal(
                "grpc: error unmarshalling request: proto: cannot parse invalid wire-format data",
                StatusCode.INTERNAL,
            ) from None
        await self._faults.strike(call, When.BEFORE, lambda: self._cut(port))
        await self._pachd.admit(call, request)
        response = await handler(call, request)
        await self._faults.strike(call, When.AFTER, lambda: self._cut(port))
        return response


def _port(peer: str) -> int:
    """Read the port out of gRPC's name of a peer, ``ipv4:127.0.0.1:50000``; 0 when it has left."""
    return int(peer.rpartition(":")[2] or 0)
