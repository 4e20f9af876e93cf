"""Log lines as go-plugin parses them: a wrong type there kills the server."""

import contextlib
import io
import json
import logging
import os
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from shim.process import logs


def record(message: Any, *args: Any, level: int = logging.INFO, **extra: Any) -> logging.LogRecord:
    made = logging.makeLogRecord({"name": "engine.part", "msg": message, "args": args, **extra})
    made.levelno = level
    return made


def parsed(made: logging.LogRecord) -> dict[str, Any]:
    line = logs.encode(made)
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert len(line) < 64 * 1024
    fields: dict[str, Any] = json.loads(line, parse_constant=pytest.fail)
    for name in ("@level", "@message", "@module", "@timestamp"):
        assert type(fields[name]) is str
    datetime.strptime(fields["@timestamp"], "%Y-%m-%dT%H:%M:%S.%fZ")
    return fields


MANY: dict[str, Any] = {f"key{n}": "y" * 1000 for n in range(1000)}


class Unprintable:
    def __str__(self) -> str:
        raise RuntimeError("no")


@pytest.mark.parametrize(
    ("level", "name"),
    [
        (logs.TRACE, "trace"),
        (0, "trace"),
        (logging.DEBUG, "debug"),
        (logging.INFO, "info"),
        (logging.WARNING, "warn"),
        (logging.ERROR, "error"),
        (logging.CRITICAL, "error"),
        (1000, "error"),
    ],
)
def test_levels_are_hclogs(level: int, name: str) -> None:
    assert parsed(record("x", level=level))["@level"] == name


def test_timestamp_has_six_digits_and_utc() -> None:
    made = record("x")
    made.created = datetime(2026, 11, 21, 7, 54, 20, 63220, UTC).timestamp()
    assert parsed(made)["@timestamp"] == "2026-11-21T07:54:20.063220Z"
    made.created = datetime(2026, 11, 21, 7, 54, 20, 0, UTC).timestamp()
    assert parsed(made)["@timestamp"] == "2026-11-21T07:54:20.000000Z"


@pytest.mark.parametrize(
    "message", [5, None, {"a": 1}, b"bytes", "two\nlines\r\u2028", "\ud800", ""]
)
def test_message_is_a_string_of_one_line(message: object) -> None:
    assert parsed(record(message))["@message"] == str(message)


def test_message_whose_arguments_do_not_fit_is_still_logged() -> None:
    assert "its arguments do not fit" in parsed(record("%d", "secret"))["@message"]
    assert "secret" not in str(parsed(record("%d", "secret")))


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (7, 7),
        (True, True),
        (0.5, 0.5),
        ("text", "text"),
        (2**60, str(2**60)),
        (float("nan"), "nan"),
        (float("inf"), "inf"),
        ([1, 2], "[1, 2]"),
        (b"\x00", "b'\\x00'"),
        (ValueError("why"), "why"),
    ],
)
def test_values_of_any_type_become_json_the_host_reads(value: object, shown: object) -> None:
    assert parsed(record("x", subject=value))["subject"] == shown


def test_values_cannot_take_the_place_of_the_hosts_own_fields() -> None:
    fields = parsed(record("x", **{"@message": 5, "@level": 7, "@timestamp": 1}))
    assert fields["@message"] == "x"
    assert fields["@level"] == "info"


@pytest.mark.parametrize(
    "made",
    [
        record("x" * 1_000_000),
        record("\U0001f600" * 40_000),
        record("x", a="y" * 500_000, b="\0" * 500_000),
        record("x", **MANY),
        record("x", **{"k" * 100_000: 1}),
    ],
    ids=["message", "escapes", "values", "many", "key"],
)
def test_no_line_reaches_64_kib(made: logging.LogRecord) -> None:
    assert parsed(made)["@level"] == "info"


def test_stack_says_where_but_not_the_exceptions_text() -> None:
    try:
        raise ValueError("a token")
    except ValueError:
        fields = parsed(record("failed", exc_info=sys.exc_info()))
    assert "test_logs.py" in fields["stacktrace"]
    assert fields["stacktrace"].endswith("ValueError")
    assert "a token" not in str(fields).replace('raise ValueError("a token")', "")


@contextlib.contextmanager
def stderr() -> Iterator[io.FileIO]:
    """Descriptor 2, for a while, as a pipe's reading end."""
    reader, writer = os.pipe()
    kept = os.dup(2)
    os.dup2(writer, 2)
    os.close(writer)
    try:
        with io.FileIO(reader) as pipe:
            yield pipe
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def test_handler_never_raises() -> None:
    with stderr() as pipe:
        logs.Handler().emit(record("x", value=Unprintable()))
        assert "could not be written" in json.loads(pipe.read(65536))["@message"]
        logs.Handler().emit(record(Unprintable()))
        assert json.loads(pipe.read(65536))["@level"] == "info"


def test_handler_survives_a_host_that_is_gone() -> None:
    with stderr() as pipe:
        pipe.close()
        logs.Handler().emit(record("x"))
