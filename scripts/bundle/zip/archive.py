"""Write the built file. The same tree gives the same bytes, wherever and whenever it is built."""

import importlib.util
import io
import marshal
import zipfile
from collections.abc import Mapping
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path, PurePosixPath

from scripts.bundle.contents import Contents, Item, missing_packages
from scripts.bundle.engine import Engine
from scripts.bundle.written import engine_text, licences_text

# A .pyc header: magic number, flags (0b01: goes by the source's hash and is never checked), hash.
PYC_HEADER = importlib.util.MAGIC_NUMBER + (1).to_bytes(4, "little") + bytes(8)


def compiled(name: str, source: bytes) -> bytes:
    """Compile a module to a .pyc that names no path of this machine.

    A file name in angle brackets also keeps a traceback from looking for the source's lines below
    the working directory, where anyone's file might stand. Raises SyntaxError.
    """
    code = compile(source, f"<{name}>", "exec", dont_inherit=True, optimize=0)
    return PYC_HEADER + marshal.dumps(code)


def module_name(native: Item) -> str:
    """Give the import name of a native module: `a/_b.abi3.so` is `a._b`."""
    path = PurePosixPath(native.name)
    return ".".join((*path.parent.parts, path.name.partition(".")[0]))


def entry_name(item: Item) -> str:
    """Give the archive's name for a file: compiled, or under its import name where native."""
    if item.name.endswith(".py"):
        return f"{item.name}c"
    return f"native/{module_name(item)}.so"


def entries(contents: Contents, engine: Engine, notices: str) -> dict[str, bytes]:
    """Lay out the archive: entry name to bytes, in order."""
    importable = {item.name for item in (*contents.modules, *contents.natives)}
    entry = (Path(__file__).parent / "entry.py").read_text()
    laid_out = {
        "__main__.py": entry.replace("@BUILT_FOR@", EXTENSION_SUFFIXES[0]).encode(),
        "_engine.pyc": compiled("_engine", engine_text(engine).encode()),
        "_licences.pyc": compiled("_licences", licences_text(notices).encode()),
    }
    laid_out |= {f"{name}c": compiled(name, b"") for name in missing_packages(importable)}
    for item in contents.modules:
        laid_out[entry_name(item)] = compiled(item.name, item.source.read_bytes())
    for item in contents.natives:
        laid_out[entry_name(item)] = item.source.read_bytes()
    return dict(sorted(laid_out.items()))


def owned(contents: Contents, laid_out: Mapping[str, bytes]) -> dict[str, dict[str, bytes]]:
    """The entries by the dependency they belong to, "" for our own."""
    owners = {entry_name(i): i.owner for i in (*contents.modules, *contents.natives)}
    found: dict[str, dict[str, bytes]] = {"": {}}
    for name, data in laid_out.items():
        found.setdefault(owners.get(name, ""), {})[name] = data
    return found


def executable(first_line: str, laid_out: dict[str, bytes]) -> bytes:
    """Join the `#!` line and the entries into the bytes of the built file."""
    written = io.BytesIO()
    written.write(first_line.encode() + b"\n")
    with zipfile.ZipFile(written, "w") as archive:
        for name, data in laid_out.items():
            about = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
            about.create_system = 3  # Unix, also where the build is not
            about.external_attr = 0o644 << 16
            archive.writestr(about, data)
    return written.getvalue()
