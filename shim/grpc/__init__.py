"""gRPC on asyncio, server and client, over `shim.http2`."""

from shim.grpc.authorities import trust_bundle, trust_system
from shim.grpc.call import Call, Stream
from shim.grpc.channel import Channel
from shim.grpc.keepalive import Keepalive
from shim.grpc.limits import Limits
from shim.grpc.metadata import Metadata
from shim.grpc.method import Method
from shim.grpc.outgoing import ClientStream
from shim.grpc.patience import Patience
from shim.grpc.server import Server
from shim.grpc.status import RpcError, Status

__all__ = [
    "Call",
    "Channel",
    "ClientStream",
    "Keepalive",
    "Limits",
    "Metadata",
    "Method",
    "Patience",
    "RpcError",
    "Server",
    "Status",
    "Stream",
    "trust_bundle",
    "trust_system",
]
