import contextlib
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shim import (
    BOOL,
    COMMA_LIST,
    DURATION,
    INT,
    LOWER_CASE_STRING,
    MAP,
    NAME,
    PAIRS,
    STRING,
    TIME,
    Field,
    Kind,
    Masked,
    UserError,
)
from shim.framework.fields import coerce, demand

KINDS = [BOOL, COMMA_LIST, DURATION, INT, LOWER_CASE_STRING, MAP, NAME, PAIRS, STRING, TIME]


def one(kind: Kind, value: Any, **options: Any) -> Any:
    schema = {"f": Field(kind=kind, description="", **options)}
    return coerce(schema, {"f": value})["f"]


@pytest.mark.parametrize(
    ("kind", "sent", "value"),
    [
        (STRING, "a", "a"),
        (STRING, 12, "12"),
        (STRING, 1.5, "1.5"),
        (STRING, True, "1"),
        (LOWER_CASE_STRING, "AbC", "abc"),
        (INT, 5, 5),
        (INT, "5", 5),
        (INT, -3.0, -3),
        (BOOL, True, True),
        (BOOL, "false", False),
        (BOOL, "T", True),
        (BOOL, 1, True),
        (BOOL, "", False),
        (DURATION, "1h", 3600),
        (DURATION, 90, 90),
        (TIME, "2026-01-31T12:00:00Z", datetime(2026, 1, 31, 12, tzinfo=UTC)),
        (TIME, 1769860800, datetime(2026, 1, 31, 12, tzinfo=UTC)),
        (COMMA_LIST, "a, b,,c ", ["a", "b", "c"]),
        (COMMA_LIST, ["a", 1], ["a", "1"]),
        (COMMA_LIST, "", []),
        (MAP, {"a": [1]}, {"a": [1]}),
        (PAIRS, {"a": 1}, {"a": "1"}),
        (PAIRS, ["a=1", "b=c=d"], {"a": "1", "b": "c=d"}),
        (NAME, "a.b-c_d", "a.b-c_d"),
    ],
)
def test_weak_typing_as_vault_has_it(kind: Kind, sent: Any, value: Any) -> None:
    assert one(kind, sent) == value


@pytest.mark.parametrize(
    ("kind", "sent", "why"),
    [
        (STRING, ["a"], "expected text, got a list"),
        (STRING, {}, "expected text, got an object"),
        (INT, "1.5", "whole number"),
        (INT, 2**63, "out of range"),
        (BOOL, "maybe", "true or false"),
        (DURATION, "abc", "not a duration; write seconds"),
        (DURATION, True, "got true or false"),
        (DURATION, -5, "cannot be negative"),
        (DURATION, "-500ms", "cannot be negative"),
        (DURATION, [1], "got a list"),
        (TIME, "yesterday", "expected a time"),
        (TIME, 10**18, "expected a time"),
        (PAIRS, "novalue", "key=value"),
        (MAP, [1], "expected an object"),
        (NAME, "-a", "starts and ends"),
    ],
)
def test_refusals_name_the_field(kind: Kind, sent: Any, why: str) -> None:
    with pytest.raises(UserError, match=why) as refusal:
        one(kind, sent)
    assert str(refusal.value).startswith("invalid f: ")


def test_null_is_not_sent_and_the_default_stands_in() -> None:
    schema = {"f": Field(kind=INT, description="", default=7)}
    fields = coerce(schema, {"f": None})
    assert fields["f"] == 7
    assert not fields.sent("f")
    assert coerce(schema, {"f": 0}).sent("f")


def test_required_is_demanded() -> None:
    schema = {"f": Field(kind=INT, description="", required=True)}
    with pytest.raises(UserError, match="missing required field 'f'"):
        demand(schema, coerce(schema, {}))
    demand(schema, coerce(schema, {"f": 1}))


def test_a_sensitive_value_is_masked_and_never_echoed() -> None:
    value = one(STRING, "hunter2", sensitive=True)
    assert isinstance(value, Masked)
    assert value.reveal() == "hunter2"
    assert "hunter2" not in f"{value} {value!r} {[value]} {value!s}"
    assert value == Masked("hunter2")
    assert value != Masked("hunter3")
    with pytest.raises(UserError) as refusal:
        one(STRING, ["hunter2"], sensitive=True)
    assert "hunter2" not in str(refusal.value)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)


@given(st.sampled_from(KINDS), JSON)
def test_any_json_is_coerced_or_the_users_mistake(kind: Kind, sent: Any) -> None:
    with contextlib.suppress(UserError):
        one(kind, json.loads(json.dumps(sent)))
