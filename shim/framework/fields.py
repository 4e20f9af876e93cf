"""Fields of a path: their kinds, and what becomes of what a caller sent for them.

The kinds are those of Vault's framework (``framework.FieldType``) with its weak typing: a number
may be sent as text and text as a number, a list as comma-separated text. JSON ``null`` is the
same as leaving the field out.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from shim.framework import durations
from shim.framework.errors import UserError
from shim.framework.masked import Masked


@dataclass(frozen=True, slots=True)
class Kind:
    """A type of field: its name in path help, its OpenAPI schema, its coercion.

    `coerce` takes the decoded JSON value and gives the Python value; it raises ValueError with
    words that complete "invalid <field>: ".
    """

    label: str
    schema: Mapping[str, object]
    coerce: Callable[[Any], Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One parameter of a path.

    `default` stands in when the caller sends nothing; `required` makes that a 400 instead.
    A `sensitive` field is text that arrives as `Masked`. `pattern` is a regular expression
    for the value where the field is a part of the path. A default that is `changeable`, a list
    say, is copied for each request.
    """

    kind: Kind
    description: str
    default: object = None
    required: bool = False
    sensitive: bool = False
    deprecated: bool = False
    pattern: str = "[^/]+"
    changeable: bool = field(init=False, repr=False, compare=False, default=False)

    def __post_init__(self) -> None:
        if isinstance(self.default, list | dict | set):
            object.__setattr__(self, "changeable", True)


class Fields(Mapping[str, Any]):
    """The coerced values of one request; a field not sent reads as its default."""

    __slots__ = ("_defaults", "_schema", "_values")
    _defaults: dict[str, Any]

    def __init__(self, schema: Mapping[str, Field], values: Mapping[str, Any]) -> None:
        self._schema = schema
        self._values = values

    def __getitem__(self, name: str) -> Any:
        values = self._values
        if name in values:
            return values[name]
        declared = self._schema[name]
        return self._own(name, declared) if declared.changeable else declared.default

    def _own(self, name: str, declared: Field) -> Any:
        """The request's own copy of a default that can be changed."""
        try:
            owned = self._defaults
        except AttributeError:
            owned = self._defaults = {}
        if name not in owned:
            owned[name] = copy.deepcopy(declared.default)
        return owned[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._schema)

    def __len__(self) -> int:
        return len(self._schema)

    def sent(self, name: str) -> bool:
        """Whether the caller gave a value (``null`` is none)."""
        return name in self._values


def coerce(schema: Mapping[str, Field], raw: Mapping[str, Any]) -> Fields:
    """The values of `raw` that `schema` knows, coerced.

    Raises UserError for a value its kind refuses. Never echoes a sensitive value.
    """
    values = {}
    for name, value in raw.items():
        field = schema.get(name)
        if field is None or value is None:
            continue
        try:
            coerced = field.kind.coerce(value)
        except ValueError as error:
            raise UserError(f"invalid {name}: {error}") from None
        values[name] = Masked(coerced) if field.sensitive else coerced
    return Fields(schema, values)


def demand(schema: Mapping[str, Field], fields: Fields) -> None:
    """Raise UserError for the first required field that was not sent."""
    for name, declared in schema.items():
        if declared.required and not fields.sent(name):
            raise UserError(f"missing required field '{name}'")


_JSON_NAMES = {
    dict: "an object",
    list: "a list",
    str: "text",
    bool: "true or false",
    type(None): "null",
}


def _called(value: object) -> str:
    return _JSON_NAMES.get(type(value), "a number")


def _string(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "1" if value else "0"  # as the host's own weak decoding has it
    if isinstance(value, int | float):
        return str(value)
    raise ValueError(f"expected text, got {_called(value)}")


def _int(value: Any) -> int:
    if (
        isinstance(value, bool | int)
        or (isinstance(value, float) and value.is_integer())
        or (isinstance(value, str) and re.fullmatch(r"[+-]?[0-9]{1,19}", value.strip()))
    ):
        number = int(value)
    else:
        raise ValueError("expected a whole number")
    if not -(2**63) <= number < 2**63:
        raise ValueError("out of range")
    return number


_TRUE = frozenset({"1", "t", "true"})
_FALSE = frozenset({"0", "f", "false", ""})


def _bool(value: Any) -> bool:
    if isinstance(value, bool | int):
        return bool(value)
    if isinstance(value, str) and value.lower() in _TRUE | _FALSE:
        return value.lower() in _TRUE
    raise ValueError("expected true or false")


def _duration(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError(f"expected a duration, got {_called(value)}")
    try:
        seconds = durations.parse(value)
    except ValueError as error:
        raise ValueError(
            f"{error}; write seconds (30) or a duration such as 30s, 1h30m or 1d"
        ) from None
    if seconds < 0 or (isinstance(value, str) and value.strip().startswith("-")):
        raise ValueError("a duration cannot be negative")
    return seconds


def _time(value: Any) -> datetime:
    try:
        if isinstance(value, str) and not re.fullmatch(r"[0-9]+", value):
            moment = datetime.fromisoformat(value)
            return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return datetime.fromtimestamp(_int(value), UTC)
    except (ValueError, OverflowError, OSError):
        raise ValueError("expected a time such as 2026-01-31T12:00:00Z or Unix seconds") from None


def _comma_list(value: Any) -> list[str]:
    if isinstance(value, list):
        return [_string(item).strip() for item in value]
    return [part.strip() for part in _string(value).split(",") if part.strip()]


def _map(value: Any) -> dict[str, Any]:
    if isinstance(value, dict):
        return value
    raise ValueError(f"expected an object, got {_called(value)}")


def _pairs(value: Any) -> dict[str, str]:
    if isinstance(value, dict):
        return {key: _string(item) for key, item in value.items()}
    items = value if isinstance(value, list) else [value]
    pairs = {}
    for item in items:
        key, equals, text = _string(item).partition("=")
        if not equals or not key.strip():
            raise ValueError("expected key=value")
        pairs[key.strip()] = text.strip()
    return pairs


_NAME = re.compile(r"\w(?:[\w.-]*\w)?")


def _name(value: Any) -> str:
    text = _string(value)
    if not _NAME.fullmatch(text):
        raise ValueError(
            "a name has letters, digits, '_', '-' and '.', and starts and ends with one of the"
            " first three"
        )
    return text


STRING = Kind("string", {"type": "string"}, _string)
LOWER_CASE_STRING = Kind(
    "lowercase string", {"type": "string", "format": "lowercase"}, lambda v: _string(v).lower()
)
NAME = Kind("name", {"type": "string", "pattern": r"^\w([\w.-]*\w)?$"}, _name)
INT = Kind("int", {"type": "integer"}, _int)
BOOL = Kind("bool", {"type": "boolean"}, _bool)
DURATION = Kind("duration (sec)", {"type": "string", "format": "duration"}, _duration)
TIME = Kind("time", {"type": "string", "format": "date-time"}, _time)
COMMA_LIST = Kind("slice", {"type": "array", "items": {"type": "string"}}, _comma_list)
MAP = Kind("map", {"type": "object"}, _map)
PAIRS = Kind("keypair", {"type": "object", "format": "kvpairs"}, _pairs)
