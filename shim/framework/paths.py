"""Paths of a backend as data, and the router that finds the one a request means."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from shim.framework.requests import Operation

if TYPE_CHECKING:
    from shim.framework.fields import Field
    from shim.framework.requests import Request, Response

Handler = Callable[["Request"], Awaitable["Response | None"]]
ExistenceCheck = Callable[["Request"], Awaitable[bool]]

_PARAMETER = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """What one operation of a path does.

    `summary` is its line in the OpenAPI document; `answers` names the keys of its response data,
    each with a field that describes it. `writes` is for what only one node of a cluster may do:
    write storage, mint, issue a lease; on the others the host is told to forward the request
    before the handler runs, because a lease cannot be kept there.
    """

    handler: Handler
    summary: str
    writes: bool = False
    answers: Mapping[str, Field] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Path:
    """A path below the mount.

    `template` is literal but for parameters in braces (``login/{subject}``), each a name in
    `fields`; a template that ends in ``/`` is one to list. A write is `Operation.UPDATE`;
    `exists` tells the host when it creates instead, so that policies can allow one and not the
    other. Unknown parameters are ignored with a warning, or refused with HTTP 422 where
    `strict`.
    """

    template: str
    synopsis: str
    description: str
    operations: Mapping[Operation, Action]
    fields: Mapping[str, Field] = field(default_factory=dict)
    exists: ExistenceCheck | None = None
    strict: bool = False

    @property
    def parameters(self) -> list[str]:
        """The names in braces, in order."""
        return _PARAMETER.findall(self.template)

    @property
    def pattern(self) -> str:
        """The template as an anchored regular expression, as path help shows it."""
        parts = _PARAMETER.split(self.template)
        for i in range(1, len(parts), 2):
            parts[i] = f"(?P<{parts[i]}>{self.fields[parts[i]].pattern})"
        return "^" + "".join(p if i % 2 else re.escape(p) for i, p in enumerate(parts)) + "$"

    def action(self, operation: str) -> Action | None:
        """What `operation` does, None where the path does not have it; a create is a write."""
        asked: Any = operation  # equal to one of the enumeration
        found = self.operations.get(asked)
        if found is None and operation == Operation.CREATE:
            found = self.operations.get(Operation.UPDATE)
        return found


class Router:
    """Finds the path that a request's path matches; literal templates win over parameters."""

    def __init__(self, paths: Iterable[Path]) -> None:
        self._literal: dict[str, Path] = {}
        self._patterns: list[tuple[re.Pattern[str], Path]] = []
        for path in paths:
            if path.parameters:
                self._patterns.append((re.compile(path.pattern, re.DOTALL), path))
            else:
                self._literal[path.template] = path
                # A path to list is asked for help without its slash.
                self._literal.setdefault(path.template.rstrip("/"), path)

    def find(self, requested: str) -> tuple[Path, dict[str, str]] | None:
        """The path and the values of its parameters; None when nothing matches."""
        literal = self._literal.get(requested)
        if literal is not None:
            return literal, {}
        for pattern, path in self._patterns:
            match = pattern.fullmatch(requested)
            if match is not None:
                return path, match.groupdict()
        return None
