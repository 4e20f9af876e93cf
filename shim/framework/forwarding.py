"""Whether this node may write, or must have the host forward a request to the one that may."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from shim.framework.host.facts import ReplicationState

if TYPE_CHECKING:
    from shim.framework.host import SystemView

_NEVER: Final = ReplicationState.PERFORMANCE_STANDBY | ReplicationState.DR_SECONDARY


class Writable:
    """A mount's right to write on this node.

    Vault's performance standbys and, since 2.5, OpenBao's standbys run the plugin and hand it
    requests: both call themselves `PERFORMANCE_STANDBY`. A performance secondary may write what
    is its own, a local mount.

    Yes is remembered: a node that ceases to be active ends its mounts and sets them up anew. No
    is asked again: a node that may write and says no would have the host forward to itself.
    """

    def __init__(self) -> None:
        self._granted = False

    async def ask(self, system: SystemView) -> bool:
        """Whether this node may write. Raises SystemViewError."""
        if not self._granted:
            state = await system.replication_state()
            self._granted = not state & _NEVER and (
                ReplicationState.PERFORMANCE_SECONDARY not in state or await system.local_mount()
            )
        return self._granted
