"""Who may import whom."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# A folder, and what nothing in it may import.
FORBIDDEN = [
    ("shim", "vault_plugin"),
    ("shim", "tests"),
    ("vault_plugin", "tests"),
    ("shim/http2", "asyncio"),
    ("shim/http2", "ssl"),
    ("shim/http2", "socket"),
    ("shim/http2", "shim.grpc"),
    ("shim/grpc", "shim.proto"),
    ("shim/grpc", "shim.services"),
    ("examples", "vault_plugin"),
]


def imported(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield from (f"{node.module}.{name.name}" for name in node.names)


@pytest.mark.parametrize(("folder", "name"), FORBIDDEN)
def test_no_import(folder: str, name: str) -> None:
    files = list((ROOT / folder).rglob("*.py"))
    assert files
    for file in files:
        for module in imported(file):
            assert not f"{module}.".startswith(f"{name}."), f"{file.name} imports {module}"


def test_shim_speaks_no_word_of_pachyderm() -> None:
    for file in (ROOT / "shim").rglob("*.py"):
        text = file.read_text().lower()
        assert "pachyderm" not in text, file
        assert "pachd" not in text, file
