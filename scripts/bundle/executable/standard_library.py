"""Which of the standard library's modules go into the executable."""

from collections.abc import Iterator
from pathlib import Path

#: what a plugin has no use for, what needs a module in C that is not linked, and what would start
#: programs or draw windows
LEFT_OUT = frozenset(
    {
        *("ctypes", "curses", "dbm", "distutils", "ensurepip", "idlelib", "lib2to3", "msilib"),
        *("multiprocessing", "pydoc_data", "sqlite3", "test", "tkinter", "turtledemo", "unittest"),
        *("venv", "wsgiref", "xmlrpc", "bz2", "lzma", "pydoc", "turtle", "antigravity", "this"),
        *("doctest", "pdb", "bdb", "cgitb", "cgi", "nntplib", "telnetlib", "webbrowser", "pip"),
    }
)


def modules(library: Path) -> Iterator[tuple[str, Path]]:
    """The import name of each module and its file."""
    for path in sorted(library.rglob("*.py")):
        parts = path.relative_to(library).with_suffix("").parts
        top = parts[0]
        if top in LEFT_OUT or "-" in top or "__pycache__" in parts:
            continue
        yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), path
