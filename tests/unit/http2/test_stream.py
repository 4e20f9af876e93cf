"""The stream state table, move by move (RFC 9113 section 5.1)."""

from __future__ import annotations

import pytest

from shim.http2.errors import ErrorCode, LocalMistake, StreamFault
from shim.http2.stream import State, Step, Stream

_LEGAL = {
    (State.IDLE, Step.SEND_HEADERS): State.OPEN,
    (State.IDLE, Step.RECV_HEADERS): State.OPEN,
    (State.OPEN, Step.SEND_HEADERS): State.OPEN,
    (State.OPEN, Step.SEND_DATA): State.OPEN,
    (State.OPEN, Step.SEND_END): State.HALF_LOCAL,
    (State.OPEN, Step.RECV_HEADERS): State.OPEN,
    (State.OPEN, Step.RECV_DATA): State.OPEN,
    (State.OPEN, Step.RECV_END): State.HALF_REMOTE,
    (State.HALF_LOCAL, Step.RECV_HEADERS): State.HALF_LOCAL,
    (State.HALF_LOCAL, Step.RECV_DATA): State.HALF_LOCAL,
    (State.HALF_LOCAL, Step.RECV_END): State.CLOSED,
    (State.HALF_REMOTE, Step.SEND_HEADERS): State.HALF_REMOTE,
    (State.HALF_REMOTE, Step.SEND_DATA): State.HALF_REMOTE,
    (State.HALF_REMOTE, Step.SEND_END): State.CLOSED,
}


@pytest.mark.parametrize("step", Step)
@pytest.mark.parametrize("state", State)
def test_every_move(state: State, step: Step) -> None:
    stream = Stream(1, 0, 0)
    stream.state = state
    ours = step.name.startswith("SEND")
    move = stream.send if ours else stream.receive
    if (state, step) in _LEGAL:
        move(step)
        assert stream.state is _LEGAL[state, step]
        return
    with pytest.raises(LocalMistake if ours else StreamFault) as caught:
        move(step)
    assert stream.state is state, "an illegal move changes nothing"
    if isinstance(caught.value, StreamFault):
        assert caught.value.code is ErrorCode.STREAM_CLOSED
