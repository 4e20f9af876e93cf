"""Storage and system view against a host's side served over a real socket."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from shim.framework.errors import READ_ONLY
from shim.framework.host import (
    Alias,
    ClusterInfo,
    Entity,
    Host,
    PluginEnvironment,
    ReadOnlyStorage,
    ReplicationState,
    Storage,
    StorageError,
    StoredEntry,
    SystemView,
    SystemViewError,
    storage,
    system_view,
)
from shim.grpc import Call, Channel, RpcError, Server, Status
from shim.proto import backend_pb2 as pb
from shim.proto import logical_pb2 as logical

NANOSECONDS = 1_000_000_000


class Desk:
    """The host's side: what it answers is set by each test."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.entries: dict[str, pb.StorageEntry] = {}
        self.refusal = ""
        self.deadlines: list[float | None] = []
        server.unary(storage.GET, self.get)
        server.unary(storage.PUT, self.put)
        server.unary(storage.DELETE, self.delete)
        server.unary(storage.LIST, self.list)

    def answer(self, method: Any, reply: Any) -> None:
        async def handler(request: Any, call: Call) -> Any:
            self.deadlines.append(call.remaining())
            if isinstance(reply, Exception):
                raise reply
            return reply

        self.server.unary(method, handler)

    async def get(self, args: pb.StorageGetArgs, call: Call) -> pb.StorageGetReply:
        self.deadlines.append(call.remaining())
        return pb.StorageGetReply(entry=self.entries.get(args.key), err=self.refusal)

    async def put(self, args: pb.StoragePutArgs, call: Call) -> pb.StoragePutReply:
        self.entries[args.entry.key] = args.entry
        return pb.StoragePutReply(err=self.refusal)

    async def delete(self, args: pb.StorageDeleteArgs, call: Call) -> pb.StorageDeleteReply:
        self.entries.pop(args.key, None)
        return pb.StorageDeleteReply(err=self.refusal)

    async def list(self, args: pb.StorageListArgs, call: Call) -> pb.StorageListReply:
        keys = sorted(key for key in self.entries if key.startswith(args.prefix))
        below = [key.removeprefix(args.prefix) for key in keys]
        return pb.StorageListReply(keys=below, err=self.refusal)


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    server = Server()
    await server.listen_unix(str(tmp_path / "host"))
    yield Desk(server)
    server.close()


@pytest.fixture
async def host(desk: Desk, tmp_path: Path) -> AsyncIterator[Host]:
    host = Host(Channel.unix(str(tmp_path / "host")))
    yield host
    await host.close()


async def test_storage_keeps_gets_lists_and_forgets(host: Host) -> None:
    assert await host.storage.get("config") is None
    await host.storage.put("config", b"\x00secret", seal_wrap=True)
    await host.storage.put("roles/a", b"")
    assert await host.storage.get("config") == StoredEntry("config", b"\x00secret", seal_wrap=True)
    assert await host.storage.get("roles/a") == StoredEntry("roles/a", b"")
    assert await host.storage.list("") == ["config", "roles/a"]
    assert await host.storage.list("roles/") == ["a"]
    await host.storage.delete("config")
    await host.storage.delete("config")
    assert await host.storage.get("config") is None


def test_a_stored_value_is_not_shown() -> None:
    assert "secret" not in repr(StoredEntry("config", b"secret"))


async def storage_calls(storage: Storage) -> list[BaseException | None]:
    calls = (storage.get("k"), storage.put("k", b""), storage.delete("k"), storage.list(""))
    found = await asyncio.gather(*calls, return_exceptions=True)
    return [one if isinstance(one, BaseException) else None for one in found]


async def test_the_hosts_words_come_through_bare(desk: Desk, host: Host) -> None:
    desk.refusal = "context canceled: säure"
    for error in await storage_calls(host.storage):
        assert type(error) is StorageError
        assert str(error) == desk.refusal


async def test_read_only_storage_is_told_by_its_text(desk: Desk, host: Host) -> None:
    desk.refusal = f"1 error occurred: {READ_ONLY}"
    for error in await storage_calls(host.storage):
        assert type(error) is ReadOnlyStorage
        assert str(error) == desk.refusal


async def test_a_status_is_an_error_of_the_same_kind(desk: Desk, host: Host) -> None:
    desk.answer(storage.GET, RpcError(Status.INTERNAL, "missing storage implementation"))
    with pytest.raises(StorageError, match=r"^missing storage implementation$"):
        await host.storage.get("k")
    desk.answer(storage.PUT, RpcError(Status.UNKNOWN, READ_ONLY))
    with pytest.raises(ReadOnlyStorage):
        await host.storage.put("k", b"")
    desk.answer(system_view.TAINTED, RpcError(Status.INTERNAL, "missing system view"))
    with pytest.raises(SystemViewError, match=r"^missing system view$"):
        await host.system.tainted()


async def test_every_call_has_a_deadline(desk: Desk, host: Host, tmp_path: Path) -> None:
    desk.answer(system_view.TAINTED, pb.TaintedReply())
    await host.storage.get("k")
    await host.system.tainted()
    assert len(desk.deadlines) == 2
    assert all(left is not None and 0 < left <= 5 for left in desk.deadlines)

    async def never(request: Any, call: Call) -> Any:
        await asyncio.Event().wait()

    desk.server.unary(storage.GET, never)
    desk.server.unary(system_view.LOCAL_MOUNT, never)
    channel = Channel.unix(str(tmp_path / "host"))
    with pytest.raises(StorageError, match="deadline"):
        await Storage(channel, deadline=0.05).get("k")
    with pytest.raises(SystemViewError, match="deadline"):
        await SystemView(channel, deadline=0.05).local_mount()
    await channel.close()


async def test_a_host_that_is_gone_is_an_error(desk: Desk, host: Host) -> None:
    desk.server.close()
    with pytest.raises(StorageError):
        await host.storage.get("k")


@pytest.mark.parametrize(
    ("question", "method", "reply", "answer"),
    [
        ("default_lease_ttl", "DEFAULT_LEASE_TTL", pb.TTLReply(TTL=3600 * NANOSECONDS), 3600),
        ("max_lease_ttl", "MAX_LEASE_TTL", pb.TTLReply(TTL=NANOSECONDS * 5 // 2), 2),
        ("tainted", "TAINTED", pb.TaintedReply(tainted=True), True),
        ("caching_disabled", "CACHING_DISABLED", pb.CachingDisabledReply(disabled=True), True),
        ("mlock_enabled", "MLOCK_ENABLED", pb.MlockEnabledReply(enabled=True), True),
        ("local_mount", "LOCAL_MOUNT", pb.LocalMountReply(local=True), True),
        (
            "cluster_info",
            "CLUSTER_INFO",
            pb.ClusterInfoReply(cluster_name="vault-1", cluster_id="42"),
            ClusterInfo("vault-1", "42"),
        ),
        (
            "plugin_environment",
            "PLUGIN_ENV",
            pb.PluginEnvReply(
                plugin_environment=logical.PluginEnvironment(
                    vault_version="1.20.0", vault_version_metadata="ent"
                )
            ),
            PluginEnvironment("1.20.0", "", "ent"),
        ),
    ],
)
async def test_system_view_answers(
    desk: Desk, host: Host, question: str, method: str, reply: Any, answer: object
) -> None:
    desk.answer(getattr(system_view, method), reply)
    assert await getattr(host.system, question)() == answer


@pytest.mark.parametrize(
    ("number", "state"),
    [
        (0, ReplicationState.UNKNOWN),
        (32, ReplicationState.PERFORMANCE_PRIMARY),
        (64, ReplicationState.PERFORMANCE_SECONDARY),
        (256, ReplicationState.DR_PRIMARY),
        (512, ReplicationState.DR_SECONDARY),
        (1024, ReplicationState.PERFORMANCE_BOOTSTRAPPING),
        (2048, ReplicationState.DR_BOOTSTRAPPING),
        (12288, ReplicationState.PERFORMANCE_DISABLED | ReplicationState.DR_DISABLED),
        (16384, ReplicationState.PERFORMANCE_STANDBY),
    ],
)
async def test_replication_state_is_the_hosts_bits(
    desk: Desk, host: Host, number: int, state: ReplicationState
) -> None:
    desk.answer(system_view.REPLICATION_STATE, pb.ReplicationStateReply(state=number))
    assert await host.system.replication_state() == state


async def test_an_unnamed_replication_bit_is_kept(desk: Desk, host: Host) -> None:
    reply = pb.ReplicationStateReply(state=1 << 20 | 16384)
    desk.answer(system_view.REPLICATION_STATE, reply)
    state = await host.system.replication_state()
    assert ReplicationState.PERFORMANCE_STANDBY in state
    assert state == 1 << 20 | 16384


async def test_entity(desk: Desk, host: Host) -> None:
    alias = logical.Alias(
        ID="a1", name="jane", mount_type="oidc", mount_accessor="auth_oidc_1", metadata={"r": "1"}
    )
    entity = logical.Entity(ID="e1", name="entity_jane", aliases=[alias], metadata={"team": "x"})
    desk.answer(system_view.ENTITY_INFO, pb.EntityInfoReply(entity=entity))
    assert await host.system.entity("e1") == Entity(
        id="e1",
        name="entity_jane",
        namespace_id="",
        disabled=False,
        metadata={"team": "x"},
        aliases=(
            Alias(
                id="a1",
                name="jane",
                mount_type="oidc",
                mount_accessor="auth_oidc_1",
                metadata={"r": "1"},
            ),
        ),
    )
    desk.answer(system_view.ENTITY_INFO, pb.EntityInfoReply())
    assert await host.system.entity("none") is None
    desk.answer(system_view.ENTITY_INFO, pb.EntityInfoReply(err="no such namespace"))
    with pytest.raises(SystemViewError, match=r"^no such namespace$"):
        await host.system.entity("e1")


async def test_password_is_made_by_the_hosts_policy(desk: Desk, host: Host) -> None:
    reply = pb.GeneratePasswordFromPolicyReply(password="made")
    desk.answer(system_view.GENERATE_PASSWORD, reply)
    assert await host.system.generate_password("strong") == "made"
