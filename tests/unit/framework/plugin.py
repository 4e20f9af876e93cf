"""A plugin with one engine, and its host's view of it, in this process."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar, cast

from google.protobuf.message import Message

from shim.grpc import Channel, Method
from shim.proto import backend_pb2 as pb
from shim.testing.services import Line, Services

if TYPE_CHECKING:
    from tests.unit.framework.toy import Toy

Rep = TypeVar("Rep", bound=Message)


class Broker:
    """Dials the one host there is, in memory; knows no other broker id than 7."""

    def __init__(self, host: Services) -> None:
        self._host = host

    async def dial(self, broker_id: int) -> Channel:
        if broker_id != 7:
            raise TimeoutError(f"the host named no address for broker id {broker_id}")
        return cast("Channel", Line(self._host))


class Plugin:
    """The host's view of a plugin process with one engine."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self.toys: list[Toy] = []
        self.mount_id = "AAAAAAAAAA"

    async def call(self, name: str, request: Message, reply: type[Rep], *ids: str) -> Rep:
        method = Method(f"/pb.Backend/{name}", type(request), reply)
        metadata = [("multiplex_id", mount_id) for mount_id in ids or (self.mount_id,)]
        return await self._channel.unary(method, request, metadata=metadata, timeout=10)

    async def setup(self, mount_id: str = "AAAAAAAAAA", broker_id: int = 7) -> str:
        args = pb.SetupArgs(broker_id=broker_id, Config={"plugin_name": "toy"})
        reply = await self.call("Setup", args, pb.SetupReply, mount_id)
        return reply.err

    async def handle(self, operation: str, path: str, data: str = "null", **more: Any) -> Any:
        request = pb.Request(operation=operation, path=path, data=data, **more)
        args = pb.HandleRequestArgs(request=request)
        return await self.call("HandleRequest", args, pb.HandleRequestReply)
