"""A plugin's death at a chosen step: what it was about to do is never done, no `finally` run."""

from __future__ import annotations

import ctypes
import types
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Coroutine, Generator


class Killed(Exception):  # noqa: N818  what happened
    """The step came."""


@types.coroutine
def until(step: int, work: Coroutine[Any, Any, Any]) -> Generator[Any, Any, Any]:
    """Run `work` to its end, or to the `step`-th time that it waits: then raise Killed."""
    steps = 0
    thrown: BaseException | None = None
    while True:
        try:
            waited = work.send(None) if thrown is None else work.throw(thrown)
        except StopIteration as end:
            return end.value
        steps += 1
        if steps == step:
            # Never collected, not at the interpreter's end either: that would run its `finally`.
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(work))
            if waited is not None:
                waited._asyncio_future_blocking = False
            raise Killed
        thrown = None
        try:
            yield waited
        except BaseException as error:
            thrown = error
