"""A caller of a simulated pachd, over real sockets with grpcio's own client."""

from collections.abc import Callable, Iterable
from types import ModuleType, TracebackType
from typing import Any, Self

import grpc
from google.protobuf import empty_pb2
from google.protobuf.message import Message

from tests.pachd.proto import admin_v2_pb2, auth_v1_pb2, auth_v2_pb2, version_pb2

MESSAGES: dict[str, ModuleType] = {
    "auth.API": auth_v1_pb2,
    "auth_v2.API": auth_v2_pb2,
    "admin.API": admin_v2_pb2,
    "admin_v2.API": admin_v2_pb2,
}
# Requests and responses whose names do not follow from their method's.
REQUESTS: dict[str, type[Message]] = {"GetVersion": empty_pb2.Empty}
RESPONSES: dict[str, type[Message]] = {
    "GetPermissionsForPrincipal": auth_v2_pb2.GetPermissionsResponse,
    "GetVersion": version_pb2.Version,
    "InspectCluster": admin_v2_pb2.ClusterInfo,
}


class Caller:
    """``caller("/auth.API/WhoAmI", token)``; errors are grpc.RpcError."""

    def __init__(self, address: str, roots: bytes | None = None) -> None:
        # Channels to one address would share a connection and its pause after a failure.
        options = [("grpc.use_local_subchannel_pool", 1)]
        if roots is None:
            self._channel = grpc.insecure_channel(address, options)
        else:
            credentials = grpc.ssl_channel_credentials(roots)
            self._channel = grpc.secure_channel(address, credentials, options)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._channel.close()

    def __call__(
        self, path: str, token: str | None = None, /, *, timeout: float = 10, **fields: Any
    ) -> Any:
        """Call a method with a request of these fields and return its response."""
        metadata = [] if token is None else [("authn-token", token)]
        body = request_type(path)(**fields).SerializeToString()
        return response_type(path).FromString(self.send(path, body, metadata, timeout))

    def send(
        self,
        path: str,
        body: bytes,
        metadata: Iterable[tuple[str, str]],
        timeout: float = 10,
    ) -> bytes:
        """Call a method with these bytes and return those of its response."""
        # Without serializers, which the stubs take for granted, gRPC passes bytes as they are.
        call: Callable[..., bytes] = self._channel.unary_unary(path)
        return call(body, metadata=tuple(metadata), timeout=timeout)


def request_type(path: str) -> Any:
    return REQUESTS.get(_method(path)) or _message(path, "Request")


def response_type(path: str) -> Any:
    return RESPONSES.get(_method(path)) or _message(path, "Response")


def _method(path: str) -> str:
    return path.rpartition("/")[2]


def _message(path: str, suffix: str) -> Any:
    service = path.lstrip("/").rpartition("/")[0]
    return getattr(MESSAGES[service], _method(path) + suffix)
