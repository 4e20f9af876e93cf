"""Which Python the built file's first line names, and who can run it."""

import os
import stat
import subprocess
import sys
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

SYSTEM_PYTHON = Path("/usr/bin/python3")

# -I ignores the environment, the user's site and the working directory; -S any site-packages with
# its .pth files and sitecustomize; -B writes no bytecode beside the standard library.
FLAGS = "-ISB"

LONGEST_FIRST_LINE = 127  # older kernels read no more of it


class UnusableInterpreterError(Exception):
    """The interpreter asked for cannot run the file; the text says why."""


def suffix_of(interpreter: Path) -> str | None:
    """Ask an interpreter how it names native modules; None where it cannot be run."""
    question = "from importlib.machinery import EXTENSION_SUFFIXES as s; print(s[0])"
    try:
        asked = subprocess.run(
            [interpreter, "-ISB", "-c", question], capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return asked.stdout.strip()


def build_python() -> Path:
    """Give the interpreter behind the virtual environment this build runs in."""
    return Path(getattr(sys, "_base_executable", sys.executable)).resolve()


def unreachable_for_others(interpreter: Path) -> Path | None:
    """Name what keeps other users from running an interpreter, None where nothing does."""
    real = interpreter.resolve()
    for place in (*reversed(interpreter.parents), *reversed(real.parents), real):
        if not place.stat().st_mode & stat.S_IXOTH:
            return place
    return None


def choose(wanted: Path | None) -> Path:
    """Choose the interpreter: the one asked for, else the system's, else the build's own.

    Raises UnusableInterpreterError when the one asked for is of another minor version or platform
    than the build, or cannot stand in a `#!` line.
    """
    if wanted is None:
        system_fits = suffix_of(SYSTEM_PYTHON) == EXTENSION_SUFFIXES[0]
        return SYSTEM_PYTHON if system_fits else build_python()
    wanted = Path(os.path.abspath(wanted))  # noqa: PTH100  a link must stay one, resolve() follows it
    if " " in str(wanted) or len(first_line(wanted)) > LONGEST_FIRST_LINE:
        raise UnusableInterpreterError(f"{wanted} has a blank or is too long for a #! line")
    suffix = suffix_of(wanted)
    if suffix != EXTENSION_SUFFIXES[0]:
        found = f"native modules end in {suffix}" if suffix else "it does not run"
        raise UnusableInterpreterError(
            f"{wanted} cannot run this build: {found}, {EXTENSION_SUFFIXES[0]} is needed; make the "
            f"environment with it: rm -rf .venv && make build FORM=zip PYTHON={wanted} "
            f"INTERPRETER={wanted}"
        )
    return wanted


def first_line(interpreter: Path) -> str:
    """Give the first line of the built file."""
    return f"#!{interpreter} {FLAGS}"
