"""What goes into the built file: our own packages and the parts of our dependencies that run."""

import importlib.metadata
from collections.abc import Iterator
from importlib.metadata import Distribution
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from scripts.bundle.engine import Engine

SHIM = Path(__file__).resolve().parents[2] / "shim"

DEPENDENCIES = {
    "cffi": ("_cffi_backend.",),  # what cryptography needs of it at run time
    "cryptography": ("cryptography/",),
    "hpack": ("hpack/",),
    "protobuf": ("google/_upb/", "google/protobuf/"),
}
#: those of which the executable holds nothing: its module in C does what they are there for
OF_THE_ZIP = ("cffi", "cryptography")

OF_TESTS = "shim/testing/"  # a host for the tests of engines

# Without these the zip cannot run, and a wheel for another system may lack them.
NATIVES = ("_cffi_backend", "cryptography/hazmat/bindings/_rust", "google/_upb/_message")

LEFT_OUT = (
    "google/protobuf/compiler/",  # the compiler's plugin protocol
    "google/protobuf/internal/json_format_benchmark.py",
    "google/protobuf/internal/message_benchmark.py",
    "google/protobuf/internal/testing_refleaks.py",
    "google/protobuf/testdata/",
)


class IncompleteError(Exception):
    """A dependency is installed without what the plugin needs of it."""


class Item(NamedTuple):
    """One file on its way into the archive.

    `name` is below the import root, `source` where it is now, `owner` the dependency it belongs
    to, "" for our own.
    """

    name: str
    source: Path
    owner: str


def _own(engine: Engine) -> Iterator[Item]:
    for name, source in [*Engine(SHIM).sources(), *engine.sources()]:
        if not name.startswith(OF_TESTS):
            yield Item(name, source, "")


def installed(distribution: Distribution) -> Iterator[tuple[str, Path]]:
    """Each file of an installed distribution: its name below the import root, and where it is."""
    for path in distribution.files or ():
        yield path.as_posix(), Path(str(distribution.locate_file(path)))


def _dependencies() -> Iterator[Item]:
    for dependency, prefixes in DEPENDENCIES.items():
        for name, source in installed(importlib.metadata.distribution(dependency)):
            if name.startswith(prefixes) and not name.startswith(LEFT_OUT):
                yield Item(name, source, dependency)


class Contents(NamedTuple):
    """The code that the built file holds, each list sorted by name."""

    modules: list[Item]
    natives: list[Item]


def contents(engine: Engine) -> Contents:
    """Collect `engine`, the SDK, and what they need of the environment this runs in.

    Raises PackageNotFoundError when a dependency is not installed, IncompleteError when it is
    without a native module.
    """
    code = sorted((*_own(engine), *_dependencies()))
    for native in NATIVES:
        if not any(item.name.startswith(f"{native}.") for item in code):
            raise IncompleteError(f"no native module {native}: install its wheel for this system")
    return Contents(
        modules=[item for item in code if item.name.endswith(".py")],
        natives=[item for item in code if item.name.endswith(".so")],
    )


def missing_packages(names: set[str]) -> set[str]:
    """Name the `__init__` files that namespace packages lack: only the file system has these."""
    folders = {parent for name in names for parent in PurePosixPath(name).parents if parent.name}
    return {f"{folder}/__init__.py" for folder in folders} - names
