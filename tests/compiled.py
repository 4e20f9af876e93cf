"""The transport in C, as the executable has it, for the tests' own process.

``TRANSPORT=compiled`` before a command has its imports take it in place of the modules in Python.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from importlib.machinery import ExtensionFileLoader, ModuleSpec
from typing import TYPE_CHECKING

from scripts.bundle.__main__ import alone
from scripts.bundle.executable import transport
from scripts.bundle.executable.build import fetched
from scripts.bundle.executable.recipe import BUILD
from scripts.bundle.executable.target import Unbuildable

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from scripts.bundle.executable.natives import Native

_MAKES = """\
PyObject *{init}(void);
PyMODINIT_FUNC PyInit_{last}(void) {{ return {init}(); }}
"""


class Finder:
    """Finds the compiled modules, all in one library."""

    def __init__(self, library: Path) -> None:
        self._library = str(library)

    def find_spec(self, name: str, path: object, target: object = None) -> ModuleSpec | None:
        """Give the spec of a module that is compiled, None for any other."""
        if name not in (transport.GROUP, *transport.NAMES):
            return None
        loader = ExtensionFileLoader(name, self._library)
        return importlib.util.spec_from_file_location(name, self._library, loader=loader)


def use() -> None:
    """Have what is imported from now on be compiled, where that can be. Raises Faulty."""
    try:
        with alone(BUILD):
            parts = fetched("", BUILD)
        python = parts.release.python
        if python != "{}.{}".format(*sys.version_info):
            raise Unbuildable(f"the executable's Python is {python}, and not this one")
        folder = BUILD / parts.target.arch  # where the executable's own build translates it, too
        with alone(folder):
            library = _library(transport.translated(folder), parts.release.root, python)
    except Unbuildable as lack:
        print(f"the transport is not compiled: {lack}", file=sys.stderr)
        return
    sys.meta_path.insert(0, Finder(library))
    importlib.import_module(transport.GROUP)  # which the others ask for what they share


def _library(source: Path, root: Path, python: str) -> Path:
    """The library, built for this interpreter with the headers of the executable's own."""
    built = source / "transport.so"
    if not built.exists():
        makes = source / "makes"
        makes.write_text("#include <Python.h>\n" + "".join(map(_making, transport.natives()[1:])))
        include = root / f"usr/include/python{python}"
        flags = [flag.format(tree=source) for flag in transport.natives()[0].flags]
        command = [
            *("gcc", "-c", "-O0", "-g0", "-fPIC", *flags, f"-I{include}"),
            f"-I{include}/internal",
        ]
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            objects = list(pool.map(lambda c: _compile(command, c), [*source.glob("*.c"), makes]))
        unfinished = built.with_suffix(".new")
        subprocess.run(["gcc", "-shared", "-o", unfinished, *objects], check=True)
        unfinished.rename(built)
    return built


def _making(native: Native) -> str:
    return _MAKES.format(init=native.init, last=native.module.rpartition(".")[2])


def _compile(command: Sequence[str], source: Path) -> Path:
    built = source.with_suffix(".pic.o")
    subprocess.run([*command, "-x", "c", source, "-o", built], check=True)
    return built
