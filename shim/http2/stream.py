"""One stream: its state table (RFC 9113 section 5.1) and its windows.

The table holds every legal move; what is not in it is illegal and leaves the state as it was.
Reserved states are absent: push is off on both sides.
"""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, Any, Final

from shim.http2.errors import ErrorCode, LocalMistake, StreamFault

if TYPE_CHECKING:
    from collections import deque


class State(IntEnum):
    """Stream states; local and remote name the side that has ended."""

    IDLE = 0
    OPEN = 1
    HALF_LOCAL = 2
    HALF_REMOTE = 3
    CLOSED = 4


class Step(IntEnum):
    """What can happen to a stream. END stands for the END_STREAM flag, after its frame's step."""

    SEND_HEADERS = 0
    SEND_DATA = 1
    SEND_END = 2
    RECV_HEADERS = 3
    RECV_DATA = 4
    RECV_END = 5


# Names are found faster than members, and these are asked for with each frame.
_CLOSED: Final = State.CLOSED
_RECEIVING: Final = (State.OPEN, State.HALF_LOCAL)

_TABLE: Final[dict[State, dict[Step, State]]] = {
    State.IDLE: {Step.SEND_HEADERS: State.OPEN, Step.RECV_HEADERS: State.OPEN},
    State.OPEN: {
        Step.SEND_HEADERS: State.OPEN,
        Step.SEND_DATA: State.OPEN,
        Step.SEND_END: State.HALF_LOCAL,
        Step.RECV_HEADERS: State.OPEN,
        Step.RECV_DATA: State.OPEN,
        Step.RECV_END: State.HALF_REMOTE,
    },
    State.HALF_LOCAL: {
        Step.RECV_HEADERS: State.HALF_LOCAL,
        Step.RECV_DATA: State.HALF_LOCAL,
        Step.RECV_END: State.CLOSED,
    },
    State.HALF_REMOTE: {
        Step.SEND_HEADERS: State.HALF_REMOTE,
        Step.SEND_DATA: State.HALF_REMOTE,
        Step.SEND_END: State.CLOSED,
    },
    State.CLOSED: {},
}

#: the same as rows by state and columns by step: an index is cheaper than hashing a pair
TRANSITIONS: Final[tuple[tuple[State | None, ...], ...]] = tuple(
    tuple(_TABLE[state].get(step) for step in Step) for state in State
)


class Stream:
    """One exchange. `owner` belongs to the layer above, which finds its own call there.

    `send_window` may be negative after the peer shrinks its initial window (section 6.9.2).
    """

    __slots__ = (
        "credit",
        "end_queued",
        "expected",
        "headers_seen",
        "id",
        "in_line",
        "owner",
        "queue",
        "queued",
        "recv_window",
        "send_window",
        "sent",
        "state",
        "trailers",
    )

    def __init__(self, stream_id: int, send_window: int, recv_window: int) -> None:
        self.id = stream_id
        self.state = State.IDLE
        self.send_window = send_window
        self.recv_window = recv_window
        #: bytes received and taken, not yet given back to the peer by WINDOW_UPDATE
        self.credit = 0
        #: bytes of body that content-length still promises; None where it promised nothing
        self.expected: int | None = None
        self.headers_seen = False
        #: body that waits for the peer's window, its size, what ends it
        self.queue: deque[memoryview] | None = None
        self.queued = 0
        #: body bytes framed so far; a watchdog compares it with an earlier value
        self.sent = 0
        self.trailers: bytes | None = None
        self.end_queued = False
        #: stands in the line of streams that could send now
        self.in_line = False
        self.owner: Any = None  # the layer above chooses its type

    def receive(self, step: Step) -> None:
        """Follow the peer's step; an illegal one raises `StreamFault` and changes nothing."""
        state = TRANSITIONS[self.state][step]
        if state is None:
            raise StreamFault(
                self.id, ErrorCode.STREAM_CLOSED, f"{step.name} in state {self.state.name}"
            )
        self.state = state

    def send(self, step: Step) -> None:
        """Follow our own step; an illegal one raises `LocalMistake` and changes nothing."""
        state = TRANSITIONS[self.state][step]
        if state is None:
            raise LocalMistake(f"{step.name} in state {self.state.name}")
        self.state = state

    @property
    def receiving(self) -> bool:
        """Whether the peer may still send."""
        return self.state in _RECEIVING

    @property
    def closed(self) -> bool:
        """Whether nothing may be sent or received any more."""
        return self.state is _CLOSED
