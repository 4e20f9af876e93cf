"""The OpenAPI 3.0 description of paths, as the host collects it from every mount.

The host asks with a help operation and merges the ``paths`` of the documents
(``sys/internal/specs/openapi``).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from shim.framework.requests import Operation

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from shim.framework.fields import Field
    from shim.framework.paths import Action, Path

# The host lets a write be POST; list is GET with ?list=true.
_VERBS = {
    Operation.READ: "get",
    Operation.LIST: "get",
    Operation.UPDATE: "post",
    Operation.PATCH: "patch",
    Operation.DELETE: "delete",
}
_PATCH_TYPE = "application/merge-patch+json"


def document(title: str, version: str, paths: Iterable[Path]) -> dict[str, Any]:
    """The document of `paths`; `version` is the backend's own."""
    return {
        "openapi": "3.0.2",
        "info": {"title": title, "version": version},
        "paths": {f"/{path.template}": _item(path) for path in paths},
    }


def _item(path: Path) -> dict[str, Any]:
    item: dict[str, Any] = {"description": path.synopsis}
    if path.parameters:
        item["parameters"] = [
            {
                "name": name,
                "in": "path",
                "required": True,
                "description": path.fields[name].description,
                "schema": dict(path.fields[name].kind.schema),
            }
            for name in path.parameters
        ]
    if path.exists is not None:
        item["x-vault-createSupported"] = True
    for operation, action in path.operations.items():
        item[_VERBS[operation]] = _operation(path, operation, action)
    return item


def _operation(path: Path, operation: Operation, action: Action) -> dict[str, Any]:
    words = filter(None, re.split(r"\W+", path.template))
    described: dict[str, Any] = {
        "summary": action.summary,
        "operationId": "-".join([operation, *words]),
        "tags": ["secrets"],
        "responses": {"200": _answer(action)},
    }
    body = {n: f for n, f in path.fields.items() if n not in path.parameters}
    if operation is Operation.LIST:
        described["parameters"] = [
            {
                "name": "list",
                "in": "query",
                "required": True,
                "schema": {"type": "string", "enum": ["true"]},
            },
            *(
                {"name": name, "in": "query", "required": f.required, "schema": _schema(f)}
                for name, f in body.items()
            ),
        ]
    elif body and _VERBS[operation] in ("post", "patch"):
        media = _PATCH_TYPE if operation is Operation.PATCH else "application/json"
        described["requestBody"] = {
            "required": any(f.required for f in body.values()),
            "content": {media: {"schema": _object(body)}},
        }
    return described


def _answer(action: Action) -> dict[str, Any]:
    if not action.answers:
        return {"description": "OK"}
    schema = {"type": "object", "properties": {"data": _object(action.answers)}}
    return {"description": "OK", "content": {"application/json": {"schema": schema}}}


def _object(fields: Mapping[str, Field]) -> dict[str, Any]:
    schema: dict[str, Any] = {
        "type": "object",
        "properties": {name: _schema(field) for name, field in fields.items()},
    }
    required = [name for name, field in fields.items() if field.required]
    if required:
        schema["required"] = required
    return schema


def _schema(field: Field) -> dict[str, Any]:
    schema = {**field.kind.schema, "description": field.description}
    if field.default is not None:
        schema["default"] = field.default
    if field.sensitive:
        schema["x-vault-displayAttrs"] = {"sensitive": True}
    if field.deprecated:
        schema["deprecated"] = True
    return schema
