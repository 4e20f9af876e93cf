"""What the executable runs first, frozen as `_entry`: it hands over to the engine."""

import gc
import sys
from importlib.machinery import BuiltinImporter, ModuleSpec
from importlib.util import spec_from_loader


class Dotted:
    """Finds built-in modules inside packages, as protobuf's is, for which importlib never looks."""

    @staticmethod
    def find_spec(name: str, path: object = None, target: object = None) -> "ModuleSpec | None":
        """Give the spec of a built-in module with a dot in its name, None for any other."""
        if "." in name and name in sys.builtin_module_names:
            return spec_from_loader(name, BuiltinImporter, origin="built-in")
        return None


sys.meta_path.append(Dotted)

# What mypyc compiles names its modules' file by that of the library that they share.
import transport__mypyc  # noqa: E402

transport__mypyc.__file__ = sys.executable

# What is imported lives as long as the process: it is never looked through for garbage.
gc.disable()
from _engine import main  # noqa: E402  found only now

gc.freeze()
gc.enable()

main()
