"""Who may import whom."""

import ast
import functools
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import shim
from scripts.bundle.contents import contents
from scripts.bundle.engine import Engine

ROOT = Path(__file__).resolve().parents[2]
# What stands on top, for developers alone.
ABOVE = ("tests", "scripts", "bench")
# A folder, and what nothing in it may import.
FORBIDDEN = [
    ("shim", "vault_plugin"),
    *((below, above) for below in ("shim", "vault_plugin") for above in ABOVE),
    ("shim/http2", "asyncio"),
    ("shim/http2", "ssl"),
    ("shim/http2", "socket"),
    ("examples", "vault_plugin"),
    *(("client/pachyderm_vault", other) for other in ("shim", "vault_plugin", *ABOVE)),
]
# A room of the SDK, and the others it may import from. `shim/plugin.py` joins them all.
ROOMS = {
    "http2": (),
    "grpc": ("http2",),
    "proto": (),
    "services": ("grpc", "proto"),
    "framework": ("grpc", "proto", "services"),
    "process": ("grpc", "services"),
    # A host for the tests of engines, which runs no plugin's process and is built into none.
    "testing": ("framework", "grpc", "proto"),
}


@functools.cache
def sources(folder: str) -> dict[str, Path]:
    """The modules of a folder by name; a package is its ``__init__``."""
    files = (ROOT / folder).rglob("*.py")
    found = {".".join(file.relative_to(ROOT).with_suffix("").parts): file for file in files}
    assert found
    return {name.removesuffix(".__init__"): file for name, file in found.items()}


def imported(file: Path) -> Iterator[str]:
    """What is imported, wherever in the file: for types alone and within functions, too."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield from (f"{node.module}.{name.name}" for name in node.names)


def taken_of_shim(file: Path) -> set[str]:
    """The names right below ``shim`` that a file imports, or imports from."""
    found = (f"{name}.".split(".") for name in imported(file))
    return {below for top, below, *_ in found if top == "shim"}


@pytest.mark.parametrize(("folder", "name"), FORBIDDEN)
def test_no_import(folder: str, name: str) -> None:
    for file in sources(folder).values():
        for module in imported(file):
            assert not f"{module}.".startswith(f"{name}."), f"{file} imports {module}"


def test_every_room_of_the_sdk_is_known() -> None:
    assert {file.parent.name for file in (ROOT / "shim").glob("*/__init__.py")} == ROOMS.keys()


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_imports_from_those_below_it(room: str) -> None:
    for file in sources(f"shim/{room}").values():
        assert taken_of_shim(file) <= {room, *ROOMS[room]}, file


@pytest.mark.parametrize("folder", ["vault_plugin", "examples"])
def test_engines_come_in_by_the_door(folder: str) -> None:
    for file in sources(folder).values():
        testing = {"testing"} if file.name.startswith("test_") else set()
        assert taken_of_shim(file) <= {*shim.__all__, "grpc", *testing}, file


def test_no_built_file_holds_what_is_for_tests() -> None:
    held = contents(Engine(ROOT / "examples" / "hello.py")).modules
    assert not [item.name for item in held if "testing" in item.name or "test_" in item.name]


@pytest.mark.parametrize("name", shim.__all__)
def test_the_door_has_what_it_names(name: str) -> None:
    assert hasattr(shim, name)


@pytest.mark.parametrize("folder", ["shim", "vault_plugin"])
def test_no_modules_import_each_other(folder: str) -> None:
    modules = sources(folder)

    def module_of(name: str) -> str:
        while name and name not in modules:
            name = name.rpartition(".")[0]
        return name

    graph = {
        module: {module_of(name) for name in imported(file)} - {"", module}
        for module, file in modules.items()
    }
    TopologicalSorter(graph).prepare()  # raises CycleError, which names them


def test_shim_speaks_no_word_of_pachyderm() -> None:
    for file in (ROOT / "shim").rglob("*.py"):
        text = file.read_text().lower()
        assert "pachyderm" not in text, file
        assert "pachd" not in text, file
