"""An engine that tells, as JSON, what `_shim` does and what it sees of its surroundings."""

import argparse
import contextlib
import importlib.util
import json
import locale
import os
import pwd
import socket
import ssl
import sys
from pathlib import Path
from typing import Any

import _shim


def outcome(function: str, *arguments: Any) -> dict[str, Any]:
    """What a call gives, or raises."""
    try:
        given = getattr(_shim, function)(*arguments)
    except Exception as error:
        kinds = [kind.__name__ for kind in type(error).__mro__]
        return {"raised": kinds, "errno": getattr(error, "errno", None)}
    return {"given": [part.hex() for part in given or ()]}


def status(*names: str) -> list[str]:
    """What the kernel says of this process."""
    lines = Path("/proc/self/status").read_text().splitlines()
    said = dict(line.split(":\t", 1) for line in lines)
    return [said[name] for name in names]


def kept(times: int) -> list[int]:
    """How many blocks and how many KiB of memory so many calls of each kind keep."""

    def held() -> tuple[int, int]:
        return sys.getallocatedblocks(), int(status("VmRSS")[0].split()[0])

    def call(often: int) -> None:
        for _ in range(often):
            _shim.self_signed("localhost", 0, 1)
            for name, until in (("", 1), ("localhost", -1)):
                with contextlib.suppress(ValueError):
                    _shim.self_signed(name, 0, until)
            with contextlib.suppress(OSError):
                _shim.mlockall(0)

    call(times // 10)  # memory is taken ahead of need
    before = held()
    call(times)
    return [now - then for now, then in zip(held(), before, strict=True)]


def set_locale() -> str:
    """The locale that the environment asks for, "" where there is none."""
    try:
        return locale.setlocale(locale.LC_ALL, "")
    except locale.Error:
        return ""


def surroundings() -> dict[str, Any]:
    """What files and variables of others could alter."""
    with contextlib.suppress(KeyError):
        pwd.getpwnam("planted")
    return {
        "path": sys.path,
        "flags": list(sys.flags),
        "environment": dict(os.environ),
        "locale": set_locale(),
        "address": socket.getaddrinfo("localhost", 80),
        "keys": ssl.create_default_context().keylog_filename,
        "usage": argparse.ArgumentParser(prog="witness").format_usage(),
        "planted": importlib.util.find_spec("planted") is not None,
        "modules": sorted(sys.modules),
        "signals": status("SigIgn", "SigBlk"),
    }


def main() -> None:
    """Tell what the arguments ask for."""
    told: Any
    match sys.argv[1:]:
        case ["calls", *calls]:
            told = [outcome(*json.loads(call)) for call in calls]
        case ["kept", times]:
            told = kept(int(times))
        case _:
            told = surroundings()
    sys.stdout.write(json.dumps(told))
    if sys.argv[1] == "fail":
        raise RuntimeError("asked to fail")
