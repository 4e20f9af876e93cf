"""What is wrong with a backend's declaration, told when it is made.

Nobody's request has come yet, so the words may name everything: they hold no secret.
"""

from __future__ import annotations

import functools
import inspect
import math
import re
from collections import Counter
from typing import TYPE_CHECKING, Final

from shim.framework.requests import Operation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from shim.framework.leases import LeaseType
    from shim.framework.paths import Path

_SERVED: Final = frozenset(
    (Operation.READ, Operation.UPDATE, Operation.PATCH, Operation.DELETE, Operation.LIST)
)
_CALLABLE: Final = ", ".join(sorted(f"Operation.{operation.name}" for operation in _SERVED))
_VERSION: Final = re.compile(
    r"v?(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?"
)
_CAPTURE: Final = re.compile(r"\(\?P<\w+>")
_ASYNC: Final = "write 'async def', and asyncio.to_thread for what blocks"


class Misdeclared(ValueError):  # noqa: N818  what was found, of a declaration
    """A backend that cannot be served; the text says what to write instead."""


def version(given: str) -> str:
    """The semantic version `given`, with a leading ``v``. Raises Misdeclared."""
    if not _VERSION.fullmatch(given):
        raise Misdeclared(f"version={given!r} is none: write a semantic one, such as 1.2.3")
    return f"v{given.removeprefix('v')}"


def told(error: Exception) -> str:
    """What a factory failed with: of a mistake we know its words, of others their type, too."""
    return str(error) if isinstance(error, Misdeclared) else f"{type(error).__name__}: {error}"


def name_of(handler: object) -> str:
    """What a handler is called, with its module."""
    while isinstance(handler, functools.partial):
        handler = handler.func
    handler = inspect.unwrap(handler) if callable(handler) else handler
    named = handler if hasattr(handler, "__qualname__") else type(handler)
    return f"{named.__module__}.{named.__qualname__}"


def check(
    paths: Sequence[Path],
    lease_types: Sequence[LeaseType],
    hooks: dict[str, Callable[..., object] | None],
) -> None:
    """Raise Misdeclared for the first mistake in what a backend is made of."""
    for path in paths:
        _check_path(path)
    for shape, count in Counter(_CAPTURE.sub("(", path.pattern) for path in paths).items():
        if count > 1:
            same = [p.template for p in paths if _CAPTURE.sub("(", p.pattern) == shape]
            raise Misdeclared(
                f"the paths {_quoted(same)} match the same requests: give each operation a place"
                " in one Path"
            )
    for name, count in Counter(lease.name for lease in lease_types).items():
        if count > 1:
            raise Misdeclared(f"two lease types are named '{name}': give each its own")
    for lease in lease_types:
        of = f"lease type '{lease.name}'"
        _demand_async(lease.renew, f"renew of {of}")
        _demand_async(lease.revoke, f"revoke of {of}")
        if lease.untaken is not None:
            _demand_async(lease.untaken, f"untaken of {of}")
    for hook, handler in hooks.items():
        if handler is not None:
            _demand_async(handler, f"{hook} of the backend")


def _check_path(path: Path) -> None:
    named = f"path '{path.template}'"
    if path.template.startswith("/"):
        raise Misdeclared(f"{named} begins with '/': a template is relative to the mount")
    for parameter in path.parameters:
        if parameter not in path.fields:
            raise Misdeclared(f"{named} names {{{parameter}}}, which is none of its fields")
    if set("{}") & set(re.sub(r"\{\w+\}", "", path.template)):
        raise Misdeclared(f"{named} has a brace that encloses no name of a field")
    for operation, action in path.operations.items():
        if operation == Operation.CREATE:
            raise Misdeclared(
                f"{named}: Operation.CREATE is declared as Operation.UPDATE; give the path 'exists'"
                " and the host tells creates from updates"
            )
        if operation not in _SERVED:
            raise Misdeclared(f"{named}: no operation {str(operation)!r}, there is {_CALLABLE}")
        if operation == Operation.LIST and path.template and not path.template.endswith("/"):
            raise Misdeclared(
                f"{named} cannot be listed: hosts list '{path.template}/', so write that template"
            )
        _demand_async(action.handler, f"{operation} of {named}")
    if path.exists is not None:
        _demand_async(path.exists, f"exists of {named}")


def _demand_async(handler: object, what: str) -> None:
    if not callable(handler):
        raise Misdeclared(f"{what}: {type(handler).__name__} cannot be called: give a function")
    bare: object = handler
    while isinstance(bare, functools.partial):
        bare = bare.func
    called = vars(type(bare)).get("__call__")  # of an object that is called
    if not (inspect.iscoroutinefunction(bare) or inspect.iscoroutinefunction(called)):
        raise Misdeclared(f"{what}: {name_of(handler)} is not async: {_ASYNC}")


def _quoted(names: list[str]) -> str:
    return " and ".join(f"'{name}'" for name in names)


def not_json(value: object) -> Iterator[str]:
    """The types in `value` that JSON does not have, never a value."""
    if isinstance(value, dict):
        for key, item in value.items():
            if not isinstance(key, str | int | float | bool | None):
                yield f"{type(key).__name__} for a key"
            yield from not_json(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from not_json(item)
    elif isinstance(value, float) and not math.isfinite(value):
        yield "a number that is none"
    elif not isinstance(value, str | int | float | bool | None):
        yield type(value).__name__
