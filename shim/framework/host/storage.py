"""``pb.Storage``: what a mount keeps."""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, NoReturn

from shim.framework.errors import READ_ONLY
from shim.framework.host.deadline import DEADLINE
from shim.framework.host.errors import NoTransactions, ReadOnlyStorage, StorageError
from shim.grpc import Method, RpcError, Status
from shim.proto import backend_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from shim.grpc import Channel
    from shim.grpc.method import Rep, Req

GET: Final = Method("/pb.Storage/Get", pb.StorageGetArgs, pb.StorageGetReply)
PUT: Final = Method("/pb.Storage/Put", pb.StoragePutArgs, pb.StoragePutReply)
DELETE: Final = Method("/pb.Storage/Delete", pb.StorageDeleteArgs, pb.StorageDeleteReply)
LIST: Final = Method("/pb.Storage/List", pb.StorageListArgs, pb.StorageListReply)
LIST_PAGE: Final = Method("/pb.Storage/ListPage", pb.StorageListPageArgs, pb.StorageListReply)
IS_TRANSACTIONAL: Final = Method(
    "/pb.Storage/IsTransactional", pb.Empty, pb.StorageIsTransactionalReply
)
BEGIN: Final = Method("/pb.Storage/BeginTx", pb.Empty, pb.StorageBeginTxReply)
COMMIT: Final = Method("/pb.Storage/Commit", pb.StorageCommitTxArgs, pb.StorageCommitTxReply)
ROLLBACK: Final = Method(
    "/pb.Storage/Rollback", pb.StorageRollbackTxArgs, pb.StorageRollbackTxReply
)


@dataclass(frozen=True, slots=True)
class StoredEntry:
    """One entry of a mount's storage; `seal_wrap` asks for the seal's own encryption as well."""

    key: str
    value: bytes = field(repr=False)
    seal_wrap: bool = False


class Storage:
    """The mount's own storage. Keys are relative to the mount; methods raise StorageError."""

    def __init__(self, channel: Channel, *, deadline: float = DEADLINE, txn: str = "") -> None:
        self._channel = channel
        self._deadline = deadline
        self._txn = txn

    async def get(self, key: str) -> StoredEntry | None:
        """Return the entry at `key`, None where there is none."""
        reply = await self._call(GET, pb.StorageGetArgs(key=key, txn=self._txn))
        _check(reply.err)
        if not reply.HasField("entry"):
            return None
        return StoredEntry(reply.entry.key, reply.entry.value, reply.entry.seal_wrap)

    async def put(self, key: str, value: bytes, *, seal_wrap: bool = False) -> None:
        """Write `value` at `key`. Raises ReadOnlyStorage on a node that may not."""
        entry = pb.StorageEntry(key=key, value=value, seal_wrap=seal_wrap)
        reply = await self._call(PUT, pb.StoragePutArgs(entry=entry, txn=self._txn))
        _check(reply.err)

    async def delete(self, key: str) -> None:
        """Remove `key`; one that is not there is no error."""
        reply = await self._call(DELETE, pb.StorageDeleteArgs(key=key, txn=self._txn))
        _check(reply.err)

    async def list_page(self, prefix: str, *, after: str = "", limit: int = 0) -> list[str]:
        """Return at most `limit` names right below `prefix` after `after`; 0 or less is all.

        Where the host has no pages (Vault), all is listed and cut here.
        """
        args = pb.StorageListPageArgs(prefix=prefix, after=after, limit=limit, txn=self._txn)
        try:
            reply = await self._channel.unary(LIST_PAGE, args, timeout=self._deadline)
        except RpcError as error:
            if error.code != Status.UNIMPLEMENTED:
                _refuse(error.message)
            found = sorted(name for name in await self.list(prefix) if name > after)
            return found[:limit] if limit > 0 else found
        _check(reply.err)
        return list(reply.keys)

    async def list(self, prefix: str) -> list[str]:
        """Return the names right below `prefix` ("" or ending in "/"); folders end in "/"."""
        reply = await self._call(LIST, pb.StorageListArgs(prefix=prefix, txn=self._txn))
        _check(reply.err)
        return list(reply.keys)

    async def get_json(self, key: str) -> Any:
        """Return what `put_json` wrote at `key`, None where there is nothing.

        Raises StorageError where it is no JSON, without a word of it.
        """
        entry = await self.get(key)
        if entry is None:
            return None
        try:
            return json.loads(entry.value)
        except ValueError:
            pass
        raise StorageError(f"what is stored at {key!r} is no JSON")

    async def put_json(self, key: str, value: object, *, seal_wrap: bool = False) -> None:
        """Write `value` as JSON. Raises TypeError for what JSON does not have."""
        await self.put(key, json.dumps(value).encode(), seal_wrap=seal_wrap)

    async def transactional(self) -> bool:
        """Whether `transaction` is to be had: OpenBao can have it, Vault never does."""
        try:
            reply = await self._channel.unary(IS_TRANSACTIONAL, pb.Empty(), timeout=self._deadline)
        except RpcError as error:
            if error.code != Status.UNIMPLEMENTED:
                _refuse(error.message)
            return False
        return reply.transactional

    @contextlib.asynccontextmanager
    async def transaction(self) -> AsyncIterator[Storage]:
        """Give a storage of which all that is written is written at the end, or nothing.

        What the body raises undoes it. Raises NoTransactions where the host has none, and
        StorageError at the end where another wrote what was read here: try anew.
        """
        if not await self.transactional():
            raise NoTransactions(
                "this host's storage has no transactions: OpenBao's can have them, Vault's has none"
            )
        begun = await self._call(BEGIN, pb.Empty())
        _check(begun.err)
        try:
            yield Storage(self._channel, deadline=self._deadline, txn=begun.txn)
        except BaseException:
            # What the body failed with is what its caller has to hear.
            with contextlib.suppress(StorageError):
                await self._call(ROLLBACK, pb.StorageRollbackTxArgs(txn=begun.txn))
            raise
        done = await self._call(COMMIT, pb.StorageCommitTxArgs(txn=begun.txn))
        _check(done.err)

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
