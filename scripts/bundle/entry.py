"""What the interpreter runs first in the built file, where it stands as `__main__.py`.

It is kept as source, and in the words of Python 3.6, because a wrong interpreter has to be told so
before it meets the archive's bytecode and native modules. Those are loaded from sealed memory
files: nothing is unpacked to disk, where it would escape the sha256 that Vault checked.
"""

import sys
from importlib.machinery import EXTENSION_SUFFIXES, ExtensionFileLoader, ModuleSpec
from importlib.util import spec_from_file_location
from zipimport import zipimporter

# How the right interpreter names native modules: implementation, minor version, CPU and libc.
BUILT_FOR = "@BUILT_FOR@"


class NativeModules:
    """Finds the archive's native modules, `native/<full name>.so`, and loads them from memory."""

    def __init__(self, archive: zipimporter) -> None:
        self._archive = archive

    def find_spec(
        self, name: str, path: object = None, target: object = None
    ) -> "ModuleSpec | None":
        """Give the spec of native module `name`, None where the archive holds no such module."""
        try:
            image = self._archive.get_data(f"native/{name}.so")
        except OSError:
            return None
        place = sealed(name, image)
        return spec_from_file_location(name, place, loader=ExtensionFileLoader(name, place))


def sealed(name: str, image: bytes) -> str:
    """Put `image` into a memory file that nobody can change any more and give its path."""
    import fcntl
    import os

    # Never closed: the loader of shared objects knows one by its path, and a second one under the
    # number of a closed descriptor would be taken for the first.
    descriptor = os.memfd_create(name, os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    with open(descriptor, "wb", closefd=False) as memory:
        memory.write(image)
    seals = fcntl.F_SEAL_WRITE | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_SEAL
    fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, seals)
    return f"/proc/self/fd/{descriptor}"


def main() -> None:
    """Refuse an interpreter other than the one built for, else hand over to the plugin."""
    found = EXTENSION_SUFFIXES[0]
    if found != BUILT_FOR:
        sys.exit(
            f"[ERROR] vault-plugin-secrets-pachyderm is built for {BUILT_FOR[1:-3]}, but "
            f"{sys.executable} is {found[1:-3]}: make build INTERPRETER={sys.executable}"
        )
    sys.meta_path.append(NativeModules(zipimporter(sys.path[0])))
    from vault_plugin.__main__ import main as plugin

    plugin()


if __name__ == "__main__":
    main()
