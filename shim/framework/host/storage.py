"""``pb.Storage``: what a mount keeps."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NoReturn

from shim.framework.errors import READ_ONLY
from shim.framework.host.deadline import DEADLINE
from shim.framework.host.errors import ReadOnlyStorage, StorageError
from shim.grpc import Method, RpcError
from shim.proto import backend_pb2 as pb

if TYPE_CHECKING:
    from shim.grpc import Channel
    from shim.grpc.method import Rep, Req

GET: Final = Method("/pb.Storage/Get", pb.StorageGetArgs, pb.StorageGetReply)
PUT: Final = Method("/pb.Storage/Put", pb.StoragePutArgs, pb.StoragePutReply)
DELETE: Final = Method("/pb.Storage/Delete", pb.StorageDeleteArgs, pb.StorageDeleteReply)
LIST: Final = Method("/pb.Storage/List", pb.StorageListArgs, pb.StorageListReply)


@dataclass(frozen=True, slots=True)
class StoredEntry:
    """One entry of a mount's storage; `seal_wrap` asks for the seal's own encryption as well."""

    key: str
    value: bytes = field(repr=False)
    seal_wrap: bool = False


class Storage:
    """The mount's own storage. Keys are relative to the mount; methods raise StorageError."""

    def __init__(self, channel: Channel, *, deadline: float = DEADLINE) -> None:
        self._channel = channel
        self._deadline = deadline

    async def get(self, key: str) -> StoredEntry | None:
        """Return the entry at `key`, None where there is none."""
        reply = await self._call(GET, pb.StorageGetArgs(key=key))
        _check(reply.err)
        if not reply.HasField("entry"):
            return None
        return StoredEntry(reply.entry.key, reply.entry.value, reply.entry.seal_wrap)

    async def put(self, key: str, value: bytes, *, seal_wrap: bool = False) -> None:
        """Write `value` at `key`. Raises ReadOnlyStorage on a node that may not."""
        entry = pb.StorageEntry(key=key, value=value, seal_wrap=seal_wrap)
        reply = await self._call(PUT, pb.StoragePutArgs(entry=entry))
        _check(reply.err)

    async def delete(self, key: str) -> None:
        """Remove `key`; one that is not there is no error."""
        reply = await self._call(DELETE, pb.StorageDeleteArgs(key=key))
        _check(reply.err)

    async def list(self, prefix: str) -> list[str]:
        """Return the names right below `prefix` ("" or ending in "/"); folders end in "/"."""
        reply = await self._call(LIST, pb.StorageListArgs(prefix=prefix))
        _check(reply.err)
        return list(reply.keys)

    async def _call(self, method: Method[Req, Rep], request: Req) -> Rep:
        try:
            return await self._channel.unary(method, request, timeout=self._deadline)
        except RpcError as error:
            _refuse(error.message)


def _check(text: str) -> None:
    if text:
        _refuse(text)


def _refuse(text: str) -> NoReturn:
    raise (ReadOnlyStorage if READ_ONLY in text else StorageError)(text)
