"""Pages of a list, as OpenBao's clients ask for them; Vault's never do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shim.framework.fields import INT, STRING, Field

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from shim.framework.fields import Fields

PAGE: Mapping[str, Field] = {
    "after": Field(
        kind=STRING,
        description="List what comes after this name, which need not be there.",
        default="",
    ),
    "limit": Field(kind=INT, description="How many to list at most; 0 or less for all.", default=0),
}


def page(keys: Iterable[str], fields: Fields) -> list[str]:
    """Those of `keys` that the `fields` of `PAGE` ask for, in order."""
    after, limit = fields["after"], fields["limit"]
    found = sorted(key for key in keys if key > after)
    return found[:limit] if limit > 0 else found
