"""The standard library's `logging`, as the host reads it: one JSON object per line on stderr.

The format is hclog's. ``@level``, ``@message`` and ``@timestamp`` are always strings: the host
asserts their type and a number there takes the whole server down. A logger's name is its
``@module``, what is passed as ``extra=`` becomes key-values. The host filters by its own level.
"""

from __future__ import annotations

import datetime
import json
import logging
import math
import os
import sys
import threading
import traceback
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from types import TracebackType

TRACE: Final = 5
STDERR: Final = 2  # the descriptor
#: bytes of a line: the host cuts at 64 KiB and then takes the pieces for plain text
_LONGEST: Final = 60 * 1024
#: characters kept of each text, tried in turn until the line is short enough
_CUTS: Final = (64 * 1024, 8 * 1024, 512)
_EXACT: Final = 2**53  # the host reads numbers as float64
_LEVELS: Final = (
    (logging.ERROR, "error"),
    (logging.WARNING, "warn"),
    (logging.INFO, "info"),
    (logging.DEBUG, "debug"),
)
_STANDARD: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


def setup(*modules: str) -> None:
    """Send all logging of the process to stderr, `modules` from TRACE up, others from WARNING.

    Other libraries stay quiet because some of them log what they carry: hpack writes header
    values at DEBUG. Warnings and exceptions nobody caught become lines too.
    """
    logging.addLevelName(TRACE, "TRACE")
    logging.raiseExceptions = False
    logging.captureWarnings(capture=True)
    logging.basicConfig(handlers=[Handler()], level=logging.WARNING, force=True)
    for module in modules:
        logging.getLogger(module).setLevel(TRACE)
    sys.excepthook = _uncaught
    threading.excepthook = lambda args: _uncaught(args.exc_type, args.exc_value, args.exc_traceback)
    sys.unraisablehook = lambda args: _uncaught(args.exc_type, args.exc_value, args.exc_traceback)
    sys.stderr = _Lines()
    sys.stdout = _FirstLine()


class Handler(logging.Handler):
    """Writes each record to standard error as one line, in one write; never raises."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write `record`."""
        write(record)


def write(record: logging.LogRecord) -> None:
    """Write `record` and take no lock. Nobody reading is not an error: the host is gone then."""
    try:
        line = encode(record)
    except Exception:  # a value whose own methods fail must not cost the request
        line = _join(_head(record, "a log record could not be written"), {}, _CUTS[-1])
    try:
        while line:
            line = line[os.write(STDERR, line) :]
    except OSError:
        pass


def encode(record: logging.LogRecord) -> bytes:
    """Return the line of `record`: ASCII, newline at its end and nowhere else, under 60 KiB."""
    try:
        message = record.getMessage()
    except Exception:  # arguments that do not fit the format
        message = f"{record.msg} (its arguments do not fit)"
    pairs = {
        str(key).lstrip("@"): value
        for key, value in vars(record).items()
        if key not in _STANDARD and value is not None
    }
    if record.exc_info and record.exc_info[0] is not None:
        pairs["stacktrace"] = _stack(record.exc_info[0], record.exc_info[2])
    head = _head(record, message)
    for cut in _CUTS:
        line = _join(head, pairs, cut)
        if len(line) <= _LONGEST:
            return line
    return _join(head, {}, _CUTS[-1])


def _head(record: logging.LogRecord, message: str) -> dict[str, str]:
    created = datetime.datetime.fromtimestamp(record.created, datetime.UTC)
    return {
        "@level": next((name for level, name in _LEVELS if record.levelno >= level), "trace"),
        "@message": message,
        "@module": str(record.name),
        "@timestamp": created.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
    }


def _stack(kind: type[BaseException], trace: TracebackType | None) -> str:
    """Where it happened and of what type it is; its text may hold what a client sent."""
    return "".join(traceback.format_tb(trace)) + kind.__qualname__


def _join(head: dict[str, str], pairs: dict[str, Any], cut: int) -> bytes:
    texts = {key: _cut(value, cut) for key, value in head.items()}
    values = {_cut(key, cut): _json_value(value, cut) for key, value in pairs.items()}
    return json.dumps({**values, **texts}, separators=(",", ":")).encode() + b"\n"


def _json_value(value: object, cut: int) -> str | int | float:
    """Return numbers the host reads exactly as they are, and everything else as text."""
    if isinstance(value, bool | int) and -_EXACT <= value <= _EXACT:
        return bool(value) if isinstance(value, bool) else int(value)
    if isinstance(value, float) and math.isfinite(value):
        return float(value)
    return _cut(str(value), cut)


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[:most]}... ({len(text) - most} more)"


def _uncaught(
    kind: type[BaseException], error: BaseException | None, trace: TracebackType | None
) -> None:
    """Log an exception that ended a thread, or came out of a destructor."""
    shown = error if error is not None else kind()
    logging.getLogger("uncaught").error("%s", kind.__name__, exc_info=(kind, shown, trace))


class _Lines:
    """Stands in for `sys.stderr`: what anyone prints there becomes log lines, not stray text."""

    encoding = "utf-8"
    errors = "replace"

    def __init__(self) -> None:
        self._parts = threading.local()

    def write(self, text: str) -> int:
        *lines, rest = (getattr(self._parts, "begun", "") + text).split("\n")
        self._parts.begun = rest
        for line in filter(None, lines):
            logging.getLogger("stderr").warning("%s", line)
        return len(text)

    def flush(self) -> None:
        """Nothing is held back but a line that has not ended."""

    def isatty(self) -> bool:
        return False

    def fileno(self) -> int:
        return STDERR


class _FirstLine(_Lines):
    """Stands in for `sys.stdout`, which is the host's: says once what became of a `print`."""

    def __init__(self) -> None:
        super().__init__()
        self._said = False

    def write(self, text: str) -> int:
        """Log the first line that is printed; later ones go nowhere."""
        line = next(filter(None, text.split("\n")), "")
        if line and not self._said:
            self._said = True
            logging.getLogger("stdout").warning(
                "print() reaches nobody: standard output is the host's, use logging; it said: %s",
                line,
            )
        return len(text)

    def fileno(self) -> int:
        return 1
