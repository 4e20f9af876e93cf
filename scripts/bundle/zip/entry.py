"""What the interpreter runs first in the built file, where it stands as `__main__.py`.

It is kept as source, and in the words of Python 3.6, because a wrong interpreter has to be told so
before it meets the archive's bytecode and native modules. Those are loaded from sealed memory
files: nothing is unpacked to disk, where it would escape the sha256 that Vault checked.
"""

import errno
import os
import signal
import sys
from importlib.machinery import EXTENSION_SUFFIXES, ExtensionFileLoader, ModuleSpec
from importlib.util import spec_from_file_location
from types import ModuleType
from zipimport import zipimporter

# How the right interpreter names native modules: implementation, minor version, CPU and libc.
BUILT_FOR = "@BUILT_FOR@"
# Variables that libraries read as they are loaded, some for the name of code to load. The plugin
# itself drops all that are left, once it has read the host's.
DROPPED = (
    "OPENSSL_CONF",
    "OPENSSL_CONF_INCLUDE",
    "OPENSSL_ENGINES",
    "OPENSSL_MODULES",
    "PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION",
)
_SEALINGS = 20  # tries; each waits some 0.15 s in the kernel
# As `shim.process.signals` says, which takes a while to load: the server's group gets them all.
for _left_alone in (
    *(signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2),
    *(signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU),
    *(signal.SIGALRM, signal.SIGVTALRM, signal.SIGIO, signal.SIGPWR),
):
    signal.signal(_left_alone, signal.SIG_IGN)
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})


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
        place = sealed(name, without_idle_need(image))
        return spec_from_file_location(name, place, loader=FromMemory(name, place))


class FromMemory(ExtensionFileLoader):
    """Loads a native module, or ends the process with one line that says why it cannot.

    Ends it, because protobuf takes an ImportError for a hint to go on without.
    """

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """Load the shared object that `spec` names."""
        try:
            return super().create_module(spec)
        except ImportError as error:
            raise refusal(f"cannot load {spec.name} on this machine: {error}") from None


def without_idle_need(image: bytes) -> bytes:
    """Make a module that names the C++ library, but takes nothing from it, do without.

    protobuf's is one, and where there is but Python there may be no C++ library. The C library
    takes its place in the list of what the loader has to find.
    """
    need, instead = b"\0libstdc++.so.6\0", b"\0libc.so.6\0\0\0\0\0\0"
    if need not in image or b"GLIBCXX_" in image or b"CXXABI_" in image:
        return image
    return image.replace(need, instead)


def sealed(name: str, image: bytes) -> str:
    """Put `image` into a memory file that nobody can change any more and give its path."""
    import fcntl

    # Never closed: the loader of shared objects knows one by its path, and a second one under the
    # number of a closed descriptor would be taken for the first.
    descriptor = os.memfd_create(name, os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    with open(descriptor, "wb", closefd=False) as memory:
        memory.write(image)
    seals = fcntl.F_SEAL_WRITE | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_SEAL
    for left in reversed(range(_SEALINGS)):
        try:
            fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, seals)
            break
        except OSError as error:  # the kernel itself holds a page just written for a moment
            if error.errno != errno.EBUSY or not left:
                raise
    return f"/proc/self/fd/{descriptor}"


def refusal(why: str) -> SystemExit:
    """Give what ends the process with one line for the server's log."""
    name = sys.path[0].rpartition("/")[2]
    return SystemExit(f"[ERROR] {name} {why}")


def main() -> None:
    """Refuse an interpreter other than the one built for, else hand over to the plugin."""
    found = EXTENSION_SUFFIXES[0]
    if found != BUILT_FOR:
        raise refusal(
            f"is built for {BUILT_FOR[1:-3]}, but {sys.executable} is {found[1:-3]}: "
            f"make build FORM=zip INTERPRETER={sys.executable}"
        )
    for name in DROPPED:
        os.environ.pop(name, None)
    sys.meta_path.append(NativeModules(zipimporter(sys.path[0])))
    try:
        from _engine import main as plugin
    except ImportError as error:
        raise refusal(
            f"takes the whole standard library, which {sys.executable} lacks (on Debian install "
            f"python3, not only python3-minimal): {error}"
        ) from None
    plugin()


if __name__ == "__main__":
    main()
