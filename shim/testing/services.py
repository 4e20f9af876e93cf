"""The host's side of ``pb.Storage`` and ``pb.SystemView``, in memory."""

from __future__ import annotations

import asyncio
import secrets
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from shim.framework.errors import READ_ONLY
from shim.framework.host import ClusterInfo, ReplicationState
from shim.grpc import RpcError, Status
from shim.proto import backend_pb2 as pb
from shim.proto import logical_pb2 as logical
from shim.testing.transactions import Transaction

if TYPE_CHECKING:
    from collections.abc import Callable

    from google.protobuf.message import Message

    from shim.framework.host import Entity, Group
    from shim.grpc.method import Method, Rep, Req

DOWN: Final = "the storage is down"
_OF_OPENBAO: Final = (
    "Storage/ListPage",
    "Storage/IsTransactional",
    "Storage/BeginTx",
    "Storage/Commit",
    "Storage/Rollback",
)
_MONTH: Final = 32 * 24 * 3600
_NANOSECONDS: Final = 1_000_000_000


class Services:
    """What the host keeps and knows of one mount, and how it fails.

    `entries` is the mount's storage and outlives the plugin; `sealed` are the keys that were
    written seal-wrapped, `calls` counts what was asked. `read_only` makes a standby's storage,
    a call that `fails` tells of by its name (``Storage/Put``) fails with `DOWN`, one that is
    `silent` has its effect and is never answered, each answer takes `delay` seconds.
    The system view tells `default_ttl` and `max_ttl` in seconds, `state` of replication, whether
    the mount is `local`, `entities` and their `groups` by the entity's id; `policies` make
    passwords by name. With `openbao` it has pages and transactions, without it is a Vault.
    """

    def __init__(self) -> None:
        self.entries: dict[str, bytes] = {}
        self.sealed: set[str] = set()
        self.calls: Counter[str] = Counter()
        self.read_only = False
        self.fails: Callable[[str], bool] = lambda _: False
        self.silent = ""
        self.delay = 0.0
        self.default_ttl = self.max_ttl = _MONTH
        self.state = ReplicationState.PERFORMANCE_PRIMARY
        self.local = self.tainted = self.caching_disabled = self.mlock = False
        self.entities: dict[str, Entity] = {}
        self.groups: dict[str, list[Group]] = {}
        self.openbao = True
        self._transactions: dict[str, Transaction] = {}
        self.policies: dict[str, Callable[[], str]] = {"default": lambda: secrets.token_urlsafe(15)}
        self.cluster = ClusterInfo("memory", "00000000-0000-0000-0000-000000000000")
        self.version = "2.7.2"

    async def refusal(self, name: str, *, done: bool) -> str:
        """What the call `name` fails with, before its effect and again once it is `done`; or "".

        For subclasses: it may also wait.
        """
        return DOWN if not done and self.fails(name) else ""

    async def answer(self, name: str, sent: Any, reply: type[Rep]) -> Rep:
        """Answer a call. It waits twice: a plugin can die before the effect and after it."""
        self.calls[name] += 1
        await asyncio.sleep(0)
        refused = await self.refusal(name, done=False)
        if not refused:
            handler = self._HANDLERS.get(name)
            if handler is None or (name in _OF_OPENBAO and not self.openbao):
                raise RpcError(Status.UNIMPLEMENTED, f"unknown method {name}")
            answer: Rep = handler(self, sent)
            refused = await self.refusal(name, done=True)
        if refused:
            if "err" not in reply.DESCRIPTOR.fields_by_name:
                raise RpcError(Status.UNKNOWN, refused)
            return reply(err=refused)
        if name == self.silent:
            await asyncio.get_running_loop().create_future()
        await asyncio.sleep(self.delay)
        return answer

    def _get(self, args: pb.StorageGetArgs) -> Message:
        entries, seals = self._of(args.txn, args.key)
        value = entries.get(args.key)
        if value is None:
            return pb.StorageGetReply()
        sealed = args.key in seals
        entry = pb.StorageEntry(key=args.key, value=value, seal_wrap=sealed)
        return pb.StorageGetReply(entry=entry)

    def _put(self, args: pb.StoragePutArgs) -> Message:
        if self.read_only:
            return pb.StoragePutReply(err=READ_ONLY)
        entries, seals = self._of(args.txn, args.entry.key)
        entries[args.entry.key] = args.entry.value
        if args.entry.seal_wrap:
            seals.add(args.entry.key)
        else:
            seals.discard(args.entry.key)
        return pb.StoragePutReply()

    def _delete(self, args: pb.StorageDeleteArgs) -> Message:
        if self.read_only:
            return pb.StorageDeleteReply(err=READ_ONLY)
        entries, seals = self._of(args.txn, args.key)
        entries.pop(args.key, None)
        seals.discard(args.key)
        return pb.StorageDeleteReply()

    def _list(self, args: pb.StorageListArgs) -> Message:
        return pb.StorageListReply(keys=self._names(args))

    def _list_page(self, args: pb.StorageListPageArgs) -> Message:
        names = [name for name in self._names(args) if name > args.after]
        return pb.StorageListReply(keys=names[: args.limit] if args.limit > 0 else names)

    def _names(self, args: pb.StorageListArgs | pb.StorageListPageArgs) -> list[str]:
        prefix, (entries, _) = args.prefix, self._of(args.txn, f"{args.prefix}*")
        below = (key.removeprefix(prefix) for key in entries if key.startswith(prefix))
        return sorted({head + slash for head, slash, _ in (n.partition("/") for n in below)})

    def _of(self, txn: str, touched: str) -> tuple[dict[str, bytes], set[str]]:
        if not txn:
            return self.entries, self.sealed
        begun = self._transactions[txn]
        begun.touched.add(touched)
        return begun.entries, begun.sealed

    def _begin(self, args: pb.Empty) -> Message:
        del args
        begun = Transaction(self.entries, self.sealed)
        self._transactions[begun.id] = begun
        return pb.StorageBeginTxReply(txn=begun.id)

    def _commit(self, args: pb.StorageCommitTxArgs) -> Message:
        begun = self._transactions.pop(args.txn)
        return pb.StorageCommitTxReply(err=READ_ONLY if self.read_only else begun.commit())

    def _abandon(self, args: pb.StorageRollbackTxArgs) -> Message:
        del self._transactions[args.txn]
        return pb.StorageRollbackTxReply()

    def _groups(self, args: pb.EntityInfoArgs) -> Message:
        groups = [
            logical.Group(ID=g.id, name=g.name, namespace_id=g.namespace_id, metadata=g.metadata)
            for g in self.groups.get(args.entity_id, [])
        ]
        return pb.GroupsForEntityReply(groups=groups)

    def _entity(self, args: pb.EntityInfoArgs) -> Message:
        found = self.entities.get(args.entity_id)
        return pb.EntityInfoReply(entity=None if found is None else _on_wire(found))

    def _password(self, args: pb.GeneratePasswordFromPolicyRequest) -> Message:
        policy = self.policies.get(args.policy_name)
        if policy is None:
            raise RpcError(Status.INTERNAL, "failed to generate password")
        return pb.GeneratePasswordFromPolicyReply(password=policy())

    _HANDLERS: Final[dict[str, Callable[..., Any]]] = {
        "Storage/Get": _get,
        "Storage/Put": _put,
        "Storage/Delete": _delete,
        "Storage/List": _list,
        "Storage/ListPage": _list_page,
        "Storage/IsTransactional": lambda *_: pb.StorageIsTransactionalReply(transactional=True),
        "Storage/BeginTx": _begin,
        "Storage/Commit": _commit,
        "Storage/Rollback": _abandon,
        "SystemView/GroupsForEntity": _groups,
        "SystemView/DefaultLeaseTTL": lambda of, _: pb.TTLReply(TTL=of.default_ttl * _NANOSECONDS),
        "SystemView/MaxLeaseTTL": lambda of, _: pb.TTLReply(TTL=of.max_ttl * _NANOSECONDS),
        "SystemView/Tainted": lambda of, _: pb.TaintedReply(tainted=of.tainted),
        "SystemView/CachingDisabled": lambda of, _: pb.CachingDisabledReply(
            disabled=of.caching_disabled
        ),
        "SystemView/MlockEnabled": lambda of, _: pb.MlockEnabledReply(enabled=of.mlock),
        "SystemView/LocalMount": lambda of, _: pb.LocalMountReply(local=of.local),
        "SystemView/ReplicationState": lambda of, _: pb.ReplicationStateReply(state=of.state),
        "SystemView/EntityInfo": _entity,
        "SystemView/GeneratePasswordFromPolicy": _password,
        "SystemView/ClusterInfo": lambda of, _: pb.ClusterInfoReply(
            cluster_name=of.cluster.name, cluster_id=of.cluster.id
        ),
        "SystemView/PluginEnv": lambda of, _: pb.PluginEnvReply(
            plugin_environment=logical.PluginEnvironment(vault_version=of.version)
        ),
    }


def _on_wire(of: Entity) -> logical.Entity:
    aliases = [
        logical.Alias(
            ID=alias.id,
            name=alias.name,
            mount_type=alias.mount_type,
            mount_accessor=alias.mount_accessor,
            metadata=alias.metadata,
            custom_metadata=alias.custom_metadata,
        )
        for alias in of.aliases
    ]
    return logical.Entity(
        ID=of.id,
        name=of.name,
        namespace_id=of.namespace_id,
        disabled=of.disabled,
        metadata=of.metadata,
        aliases=aliases,
    )


class Line:
    """In the place of the channel from a plugin to its host; `dead` once the plugin is."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self.dead = False
        self._closed = False

    async def unary(self, method: Method[Req, Rep], request: Req, *, timeout: float) -> Rep:
        """Call, as over a wire: nothing of `request` is shared. Raises RpcError."""
        sent = method.request.FromString(request.SerializeToString())
        name = method.path.removeprefix("/pb.")
        if self._closed:
            raise RpcError(Status.UNAVAILABLE, "the connection is closed")
        try:
            async with asyncio.timeout(timeout):
                if self.dead:
                    await asyncio.get_running_loop().create_future()
                return await self._services.answer(name, sent, method.reply)
        except TimeoutError:
            raise RpcError(Status.DEADLINE_EXCEEDED, "the call took too long") from None

    async def close(self) -> None:
        """Answer nothing any more."""
        self._closed = True
