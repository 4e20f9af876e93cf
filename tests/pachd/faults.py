"""What can be made to go wrong with single calls."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from grpc import StatusCode

from tests.pachd.call import Call
from tests.pachd.refusal import Refusal

EVERY_METHOD = "*"
LOOK = 0.02  # seconds between two looks of a call that hangs


class When(Enum):
    """Whether a call goes wrong before pachd has done its work or after."""

    BEFORE = "before the effect"
    AFTER = "after the effect"


@dataclass
class Fault:
    """One thing to happen to calls of a method, ``times`` times or until cleared."""

    method: str
    when: When
    delay: float = 0.0
    hang: bool = False
    status: tuple[StatusCode, str] | None = None
    drop: bool = False
    times: int | None = None

    def strikes(self, call: Call, when: When) -> bool:
        if self.when is not when or self.method not in (call.method, EVERY_METHOD):
            return False
        return self.times is None or self.times > 0


class Faults:
    """The faults in force. Each method takes an RPC's short name, or ``"*"`` for all of them."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []

    def slow(self, method: str, delay: float, when: When = When.BEFORE) -> None:
        """Let calls take ``delay`` seconds longer."""
        self._faults.append(Fault(method, when, delay=delay))

    def hang(self, method: str) -> None:
        """Let calls wait until ``clear``; then they go on."""
        self._faults.append(Fault(method, When.BEFORE, hang=True))

    def refuse(
        self,
        method: str,
        code: StatusCode,
        message: str,
        when: When = When.BEFORE,
        times: int | None = None,
    ) -> None:
        """Answer calls with a status."""
        self._faults.append(Fault(method, when, status=(code, message), times=times))

    def drop(self, method: str, when: When = When.BEFORE, times: int | None = None) -> None:
        """Cut the connection that a call came over, without an answer."""
        self._faults.append(Fault(method, when, drop=True, times=times))

    def clear(self) -> None:
        self._faults = []

    async def strike(self, call: Call, when: When, cut: Callable[[], None]) -> None:
        """Let the faults due now happen; ``cut`` cuts the caller's connection."""
        for fault in [fault for fault in self._faults if fault.strikes(call, when)]:
            if fault.times is not None:
                fault.times -= 1
            await asyncio.sleep(fault.delay)
            while fault.hang and fault in self._faults:  # noqa: ASYNC110  ended by another thread
                await asyncio.sleep(LOOK)
            if fault.drop:
                cut()
                raise Refusal("the connection was dropped", StatusCode.UNAVAILABLE)
            if fault.status is not None:
                code, message = fault.status
                raise Refusal(message, code)
