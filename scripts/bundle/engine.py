"""The engine that a file is built of."""

import ast
from pathlib import Path
from typing import NamedTuple


class Engine(NamedTuple):
    """A package with a ``__main__`` module, or a single module; its ``main()`` runs the plugin.

    `path` is the package's folder or the module's file; what it imports beside `shim` and its
    dependencies stands inside the package.
    """

    path: Path

    @property
    def module(self) -> str:
        """The module whose ``main()`` is called."""
        return f"{self.path.name}.__main__" if self.path.is_dir() else self.path.stem

    @property
    def version(self) -> str:
        """What it assigns to VERSION, "0" where it does not. Raises OSError, SyntaxError."""
        about = self.path / "__init__.py" if self.path.is_dir() else self.path
        for statement in ast.parse(about.read_text()).body:
            match statement:
                case ast.Assign([ast.Name("VERSION")], ast.Constant(str() as version)):
                    return version
        return "0"

    def sources(self) -> list[tuple[str, Path]]:
        """Its files: the name below the import root, and where it is."""
        if not self.path.is_dir():
            return [(self.path.name, self.path)]
        base = self.path.parent
        found = sorted(self.path.rglob("*.py"))
        return [(file.relative_to(base).as_posix(), file) for file in found]
