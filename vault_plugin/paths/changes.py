"""What a write or a patch changes of a stored thing, as `config` and `roles` take it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shim import UserError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from shim import Request

# Durations that are of at least a second, or not set at all; and what the original called them.
_TTLS = {"ttl": "TTL", "max_ttl": "max_ttl"}


def sent(request: Request, names: Collection[str]) -> dict[str, Any]:
    """The values that were sent of `names`, to be stored.

    Raises UserError for a TTL of less than a second.
    """
    values = {name: request.fields[name] for name in names if request.fields.sent(name)}
    for name, called in _TTLS.items():
        if values.get(name) == 0:
            raise UserError(f"invalid {called} duration (must be > 0s)")
    return {name: tuple(v) if isinstance(v, list) else v for name, v in values.items()}


def patched(
    request: Request, names: Collection[str], defaults: Mapping[str, Any]
) -> dict[str, Any]:
    """What is `sent` of `names`, and the defaults of those that were sent as null.

    Raises UserError for a null of what has no default.
    """
    unset = [name for name in names if request.data.get(name, "") is None]
    for name in unset:
        if name not in defaults:
            raise UserError(f"{name} cannot be unset")
    return {name: defaults[name] for name in unset} | sent(request, names)
