"""The other outcome of a call: which status it was refused with."""

from collections.abc import Iterator
from contextlib import contextmanager

import grpc
import pytest
from grpc import StatusCode


class Refused:
    """Filled in when the block ends."""

    code: StatusCode
    message: str


@contextmanager
def refused(code: StatusCode, message: str | None = None) -> Iterator[Refused]:
    """Hold that the block's call fails with this status (and message, where one is given)."""
    outcome = Refused()
    with pytest.raises(grpc.RpcError) as caught:
        yield outcome
    outcome.code, outcome.message = status(caught.value), message_of(caught.value)
    assert outcome.code is code, outcome.message
    if message is not None:
        assert outcome.message == message


def status(error: grpc.RpcError) -> StatusCode:
    return _call(error).code()


def message_of(error: grpc.RpcError) -> str:
    return _call(error).details() or ""


def _call(error: grpc.RpcError) -> grpc.Call:
    """Return the error as the call it also is, which its declared type does not say."""
    assert isinstance(error, grpc.Call)
    return error
