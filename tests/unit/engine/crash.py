"""The plugin's death, or a failure, at a chosen step of what it does."""

from __future__ import annotations

import asyncio
import threading
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from grpc import StatusCode

    from tests.pachd import When
    from tests.pachd.call import Call
    from tests.unit.engine.cluster import Pachd
    from tests.unit.engine.vault import Vault

FOREVER = 3600.0  # seconds


class Kind(Enum):
    """What happens at the step."""

    KILLED = "the step and all after it never come back: kill -9"
    CANCELLED = "the host gives the request up"
    FAILED = "the storage says no, or the connection to pachd breaks"


class Crash:
    """Something happens at the step `at`, counted from 1.

    A step is a call of the storage or of pachd, before its effect or after it. `steps` is what
    was come to, and `came` is set when it happens. For pachd this is one of the simulator's
    faults. But for a failure the step takes `lasts` seconds, and then does what it should.
    """

    drop = False
    hang = False
    times: int | None = None
    status: tuple[StatusCode, str] | None = None

    def __init__(
        self, kind: Kind, at: int, mount: Vault, pachd: Pachd, lasts: float = FOREVER
    ) -> None:
        self.steps: list[str] = []
        self.came = asyncio.Event()
        self.delay = 0.0 if kind is Kind.FAILED else lasts
        self.drop = kind is Kind.FAILED
        self._kind, self._at = kind, at
        self._mount, self._pachd = mount, pachd
        self._loop = asyncio.get_running_loop()
        self._lock = threading.Lock()
        self.happened = False

    def __enter__(self) -> Crash:
        self._mount.crash = self
        self._pachd.faults._faults.append(self)  # type: ignore[arg-type]
        return self

    def __exit__(self, *_: object) -> None:
        self._mount.crash = None
        self._pachd.faults.clear()

    @property
    def step(self) -> str:
        """The step at which it happened."""
        return self.steps[self._at - 1]

    def strikes(self, call: Call, when: When) -> bool:
        """As a fault of the simulator, from its thread."""
        return self._strikes(call.method, when)

    async def strikes_storage(self, name: str, when: When) -> bool:
        """Whether this call of the storage fails."""
        if not self._strikes(name, when):
            return False
        await asyncio.sleep(self.delay)
        return self.drop

    def _strikes(self, name: str, when: When) -> bool:
        with self._lock:
            if self.happened:
                return False
            self.steps.append(f"{when.name.lower()} {name}")
            if len(self.steps) != self._at:
                return False
            self.happened = True
        self._loop.call_soon_threadsafe(self.came.set)
        return True
