"""``pb.SystemView``: what the host tells of itself and of the mount."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, Final

from shim.framework.host.deadline import DEADLINE
from shim.framework.host.errors import SystemViewError
from shim.framework.host.facts import (
    Alias,
    ClusterInfo,
    Entity,
    Group,
    PluginEnvironment,
    ReplicationState,
)
from shim.framework.host.question import MOMENT, Question
from shim.grpc import Method, RpcError
from shim.proto import backend_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from shim.grpc import Channel
    from shim.grpc.method import Rep, Req
    from shim.proto import logical_pb2 as logical

_NANOSECONDS: Final = 1_000_000_000

DEFAULT_LEASE_TTL: Final = Method("/pb.SystemView/DefaultLeaseTTL", pb.Empty, pb.TTLReply)
MAX_LEASE_TTL: Final = Method("/pb.SystemView/MaxLeaseTTL", pb.Empty, pb.TTLReply)
TAINTED: Final = Method("/pb.SystemView/Tainted", pb.Empty, pb.TaintedReply)
CACHING_DISABLED: Final = Method(
    "/pb.SystemView/CachingDisabled", pb.Empty, pb.CachingDisabledReply
)
MLOCK_ENABLED: Final = Method("/pb.SystemView/MlockEnabled", pb.Empty, pb.MlockEnabledReply)
LOCAL_MOUNT: Final = Method("/pb.SystemView/LocalMount", pb.Empty, pb.LocalMountReply)
REPLICATION_STATE: Final = Method(
    "/pb.SystemView/ReplicationState", pb.Empty, pb.ReplicationStateReply
)
ENTITY_INFO: Final = Method("/pb.SystemView/EntityInfo", pb.EntityInfoArgs, pb.EntityInfoReply)
GROUPS_FOR_ENTITY: Final = Method(
    "/pb.SystemView/GroupsForEntity", pb.EntityInfoArgs, pb.GroupsForEntityReply
)
GENERATE_PASSWORD: Final = Method(
    "/pb.SystemView/GeneratePasswordFromPolicy",
    pb.GeneratePasswordFromPolicyRequest,
    pb.GeneratePasswordFromPolicyReply,
)
CLUSTER_INFO: Final = Method("/pb.SystemView/ClusterInfo", pb.Empty, pb.ClusterInfoReply)
PLUGIN_ENV: Final = Method("/pb.SystemView/PluginEnv", pb.Empty, pb.PluginEnvReply)


class SystemView:
    """What the host tells of itself and of the mount. Methods raise SystemViewError.

    The mount's TTLs are as of a `moment` ago, in seconds, or later.
    """

    def __init__(
        self, channel: Channel, *, deadline: float = DEADLINE, moment: float = MOMENT
    ) -> None:
        self._channel = channel
        self._deadline = deadline
        self._moment = moment
        self._questions: dict[str, Question[Any]] = {}  # without arguments, by the method's path

    async def default_lease_ttl(self) -> int:
        """Return the mount's default TTL in whole seconds."""
        return (await self._ask(DEFAULT_LEASE_TTL, self._moment)).TTL // _NANOSECONDS

    async def max_lease_ttl(self) -> int:
        """Return the mount's maximum TTL in whole seconds."""
        return (await self._ask(MAX_LEASE_TTL, self._moment)).TTL // _NANOSECONDS

    async def tainted(self) -> bool:
        """Whether the mount is being removed or moved."""
        return (await self._ask(TAINTED)).tainted

    async def caching_disabled(self) -> bool:
        """Whether the operator switched caches off."""
        return (await self._ask(CACHING_DISABLED)).disabled

    async def mlock_enabled(self) -> bool:
        """Whether the host locks its memory."""
        return (await self._ask(MLOCK_ENABLED)).enabled

    async def local_mount(self) -> bool:
        """Whether the mount belongs to this cluster alone and is not replicated."""
        return (await self._ask(LOCAL_MOUNT)).local

    async def replication_state(self) -> ReplicationState:
        """Return the node's part in replication; a bit nobody named yet is kept."""
        return ReplicationState((await self._ask(REPLICATION_STATE)).state)

    async def entity(self, entity_id: str) -> Entity | None:
        """Return the entity behind ``Request.entity_id``, None where the host knows none."""
        reply = await self._call(ENTITY_INFO, pb.EntityInfoArgs(entity_id=entity_id))
        _check(reply.err)
        return _entity(reply.entity) if reply.HasField("entity") else None

    async def groups(self, entity_id: str) -> list[Group]:
        """Return the groups of the entity, those it is in by another group too."""
        reply = await self._call(GROUPS_FOR_ENTITY, pb.EntityInfoArgs(entity_id=entity_id))
        _check(reply.err)
        return [
            Group(
                id=group.ID,
                name=group.name,
                namespace_id=group.namespace_id,
                metadata=dict(group.metadata),
            )
            for group in reply.groups
        ]

    async def generate_password(self, policy: str) -> str:
        """Return a fresh password made by the host's password policy of that name."""
        request = pb.GeneratePasswordFromPolicyRequest(policy_name=policy)
        return (await self._call(GENERATE_PASSWORD, request)).password

    async def cluster_info(self) -> ClusterInfo:
        """Return the name and id of the host's cluster."""
        reply = await self._ask(CLUSTER_INFO)
        _check(reply.err)
        return ClusterInfo(reply.cluster_name, reply.cluster_id)

    async def plugin_environment(self) -> PluginEnvironment:
        """Return the host's version."""
        reply = await self._ask(PLUGIN_ENV)
        _check(reply.err)
        found = reply.plugin_environment
        return PluginEnvironment(
            found.vault_version, found.vault_version_prerelease, found.vault_version_metadata
        )

    def _ask(self, method: Method[pb.Empty, Rep], lasts: float = 0.0) -> Awaitable[Rep]:
        question: Question[Rep] | None = self._questions.get(method.path)
        if question is None:
            question = Question(functools.partial(self._call, method, pb.Empty()), lasts)
            self._questions[method.path] = question
        return question.answer()

    async def _call(self, method: Method[Req, Rep], request: Req) -> Rep:
        try:
            return await self._channel.unary(method, request, timeout=self._deadline)
        except RpcError as error:
            raise SystemViewError(error.message) from error


def _check(text: str) -> None:
    if text:
        raise SystemViewError(text)


def _entity(found: logical.Entity) -> Entity:
    aliases = tuple(
        Alias(
            id=alias.ID,
            name=alias.name,
            mount_type=alias.mount_type,
            mount_accessor=alias.mount_accessor,
            metadata=dict(alias.metadata),
            custom_metadata=dict(alias.custom_metadata),
        )
        for alias in found.aliases
    )
    return Entity(
        id=found.ID,
        name=found.name,
        namespace_id=found.namespace_id,
        disabled=found.disabled,
        metadata=dict(found.metadata),
        aliases=aliases,
    )
