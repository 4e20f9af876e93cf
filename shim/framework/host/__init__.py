"""What the host offers a mount: ``pb.Storage`` and ``pb.SystemView`` over one channel.

Every call has a deadline. What the host refuses is raised with the host's own words and nothing
around them, because some of them ("cannot write to readonly storage") mean something to the host
when they come back to it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shim.framework.host.errors import (
    HostError,
    NoTransactions,
    ReadOnlyStorage,
    StorageError,
    SystemViewError,
)
from shim.framework.host.facts import (
    Alias,
    ClusterInfo,
    Entity,
    Group,
    PluginEnvironment,
    ReplicationState,
)
from shim.framework.host.question import MOMENT
from shim.framework.host.storage import Storage, StoredEntry
from shim.framework.host.system_view import SystemView

if TYPE_CHECKING:
    from shim.grpc import Channel

__all__ = [
    "Alias",
    "ClusterInfo",
    "Entity",
    "Group",
    "Host",
    "HostError",
    "NoTransactions",
    "PluginEnvironment",
    "ReadOnlyStorage",
    "ReplicationState",
    "Storage",
    "StorageError",
    "StoredEntry",
    "SystemView",
    "SystemViewError",
]


class Host:
    """A mount's way to its host: `storage` and `system` over one channel, which it owns.

    The mount's TTLs are remembered for a `moment`, in seconds.
    """

    def __init__(self, channel: Channel, *, moment: float = MOMENT) -> None:
        self.storage = Storage(channel)
        self.system = SystemView(channel, moment=moment)
        self._channel = channel

    async def close(self) -> None:
        """Close the channel: the host, when it removes the mount, waits for that."""
        await self._channel.close()
