"""What mypyc must not be given: it would take it without a word, and be wrong at run time."""

import ast
from collections.abc import Iterator

import pytest

from scripts.bundle.contents import SHIM
from scripts.bundle.executable.transport import MODULES, NAMES

#: laid out by mypyc itself, or as it knows
BASES = {"Enum", "Exception", "Generic", "IntEnum", "NamedTuple", "Protocol"}


def parsed(name: str) -> ast.Module:
    return ast.parse((SHIM.parent / f"{name.replace('.', '/')}.py").read_text())


def classes(tree: ast.AST) -> Iterator[ast.ClassDef]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.ClassDef))


@pytest.fixture(scope="module")
def known() -> set[str]:
    """The classes that are compiled."""
    return BASES | {found.name for name in NAMES for found in classes(parsed(name))}


@pytest.mark.parametrize("name", NAMES)
def test_no_class_inherits_from_one_that_is_not_compiled(name: str, known: set[str]) -> None:
    """One of asyncio's keeps an attribute where mypyc puts another: the process dies of it."""
    for found in classes(parsed(name)):
        bases = {ast.unparse(base).partition("[")[0].rpartition(".")[2] for base in found.bases}
        assert bases <= known, found.name
        assert len(bases - {"Generic", "Protocol"}) <= 1, found.name


@pytest.mark.parametrize("name", NAMES)
def test_no_function_gives_one_name_to_errors_of_two_types(name: str) -> None:
    """The second would be a TypeError when it is caught."""
    for function in ast.walk(parsed(name)):
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            caught: dict[str, str] = {}
            for handler in ast.walk(function):
                if isinstance(handler, ast.ExceptHandler) and handler.name and handler.type:
                    of = ast.unparse(handler.type)
                    assert caught.setdefault(handler.name, of) == of, function.name


def test_last_names_are_unique() -> None:
    """The tests' library has one function for each, named by it."""
    names = [module for modules in MODULES.values() for module in modules]
    assert len(set(names)) == len(names)
