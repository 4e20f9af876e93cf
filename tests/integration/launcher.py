"""A plugin of this checkout that is no built file."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def launcher(engine: Path, directory: Path, *arguments: str) -> Path:
    """A file in `directory` by which this Python runs `engine`, named like it.

    `arguments` are words of a shell's, within double quotes.
    """
    words = " ".join(f'"{word}"' for word in (sys.executable, engine, *arguments))
    file = directory / engine.stem
    file.write_text(f'#!/bin/sh\nPYTHONPATH="{ROOT}" exec {words}\n')
    file.chmod(0o755)
    return file
