"""The plugin's file puts itself where a server finds it: ``--install DIR``."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

_MODE: Final = 0o755
_UNFINISHED: Final = ".new"  # what the name of a copy ends with until it is whole


class NotInstalled(Exception):  # noqa: N818  what became of it
    """Nothing was changed; the text says why."""


def install(folder: str, *, name: str, version: str) -> str:
    """Copy the file that runs to `folder` as ``name-version``, beside those of other versions.

    Gives what an operator types next. `version` is as the server has it, ``v1.2.3``. The copy
    appears whole or not at all, and takes no file away from a plugin that runs; what one that was
    killed left of its copy is removed. Raises NotInstalled.
    """
    command = f"{name}-{version}"
    place = Path(folder) / command
    try:
        content = _own().read_bytes()
        with _alone(place.parent):
            _clear(place.parent, name)
            if not place.exists():
                _put(place, content)
            elif place.read_bytes() != content:
                raise NotInstalled(f"{place} is there already, and is another file of that version")
    except OSError as error:
        raise NotInstalled(f"{error.filename or place}: {error.strerror}") from None
    sha256 = hashlib.sha256(content).hexdigest()
    return (
        f"{place}\nsha256 {sha256}\n\n"
        f"    vault plugin register -sha256={sha256} -command={command} -version={version}"
        f" secret {name}\n"
        f"    vault secrets enable -plugin-version={version} -path=PATH {name}\n\n"
        "Where it is mounted already, the second is:\n\n"
        f"    vault secrets tune -plugin-version={version} PATH\n"
        f"    vault plugin reload -plugin={name}\n"
    )


def _own() -> Path:
    """The file that runs: the executable, or the zip, which is the first place to import from."""
    return Path("/proc/self/exe" if "_shim" in sys.builtin_module_names else sys.path[0])


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Wait for others that install to `folder`. The kernel ends the wait when one is killed."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _clear(folder: Path, name: str) -> None:
    """Remove unfinished copies, of any version: nobody writes one now. Others' files stay."""
    for left in folder.glob(f".{name}-*{_UNFINISHED}"):
        with contextlib.suppress(OSError):
            left.unlink()


def _put(place: Path, content: bytes) -> None:
    descriptor, fresh = tempfile.mkstemp(_UNFINISHED, f".{place.name}.", place.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fchmod(descriptor, _MODE)
            os.fsync(descriptor)
        Path(fresh).rename(place)
    except BaseException:
        Path(fresh).unlink(missing_ok=True)
        raise
