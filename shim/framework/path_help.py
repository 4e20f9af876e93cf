"""Path help: what ``vault path-help`` prints, in the layout its users know."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from shim.framework.fields import Field
    from shim.framework.paths import Path

_ROOT = """\
## DESCRIPTION

{description}

## PATHS

Each path below has help of its own: ask for it with any route that matches the pattern.
What you may call depends on the policies of your token.

{paths}
"""

_PATH = """\
Request:        {request}
Matching Route: {pattern}

{synopsis}

## PARAMETERS

{parameters}

## DESCRIPTION

{description}
"""


def root(description: str, paths: Iterable[Path]) -> str:
    """The help of a whole backend."""
    listed = "\n\n".join(f"    {path.pattern}\n        {path.synopsis}" for path in paths)
    return _ROOT.format(description=description.strip(), paths=listed)


def of_path(path: Path, request: str) -> str:
    """The help of one path, for the route `request`."""
    return _PATH.format(
        request=request,
        pattern=path.pattern,
        synopsis=path.synopsis,
        parameters="\n\n".join(_parameter(n, path.fields[n]) for n in sorted(path.fields))
        or "    none",
        description=path.description.strip(),
    )


def _parameter(name: str, field: Field) -> str:
    text = textwrap.fill(_told(field), 76, initial_indent=" " * 8, subsequent_indent=" " * 8)
    return f"    {name} ({field.kind.label})\n{text}"


def _told(field: Field) -> str:
    notes = [
        "Required." if field.required else "",
        f"Default: {_plain(field.default)}." if field.default not in (None, "") else "",
        "Deprecated." if field.deprecated else "",
    ]
    return " ".join([field.description, *filter(None, notes)])


def _plain(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | dict):
        return ",".join(map(str, value)) or "none"
    return str(value)
