"""What the host's system view tells, as plain data."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class ReplicationState(enum.IntFlag):
    """Bits of ``SystemView.ReplicationState`` (``consts.ReplicationState`` of both sdks)."""

    UNKNOWN = 0
    PERFORMANCE_PRIMARY = 1 << 5
    PERFORMANCE_SECONDARY = 1 << 6
    DR_PRIMARY = 1 << 8
    DR_SECONDARY = 1 << 9
    PERFORMANCE_BOOTSTRAPPING = 1 << 10
    DR_BOOTSTRAPPING = 1 << 11
    PERFORMANCE_DISABLED = 1 << 12
    DR_DISABLED = 1 << 13
    PERFORMANCE_STANDBY = 1 << 14


@dataclass(frozen=True, slots=True, kw_only=True)
class Alias:
    """An entity's name on one auth mount."""

    name: str
    id: str = ""
    mount_type: str = ""
    mount_accessor: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)
    custom_metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entity:
    """Who makes a request, in the host's identity store."""

    id: str
    name: str
    namespace_id: str = ""
    disabled: bool = False
    metadata: Mapping[str, str] = field(default_factory=dict)
    aliases: Sequence[Alias] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """A group that an entity belongs to."""

    id: str
    name: str
    namespace_id: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ClusterInfo:
    """The host's cluster."""

    name: str
    id: str


@dataclass(frozen=True, slots=True)
class PluginEnvironment:
    """The host's version, as ``1.20.0`` and, where there are, ``beta1`` and ``ent``."""

    version: str
    prerelease: str
    metadata: str
