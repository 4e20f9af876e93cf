"""The SDK's transport as C: what mypyc makes of the modules that every request passes through.

Run as a program it translates: ``python -m scripts.bundle.executable.transport FOLDER``.
"""

import hashlib
import importlib.metadata
import os
import shutil
import subprocess
import sys
from pathlib import Path

from scripts.bundle.contents import SHIM
from scripts.bundle.executable.linking import Faulty
from scripts.bundle.executable.natives import Native

#: What is translated, by package. Left out is what declares plain values, as data classes do, what
#: is done once for a connection, and what inherits from classes of asyncio's: those keep attributes
#: in slots of their own, where mypyc would put others.
MODULES = {
    "shim.http2": (
        *("blocks", "connection", "decoder", "errors", "exchange", "fields", "flood", "frames"),
        *("inbound", "outbound", "reader", "settings", "stream", "streams"),
    ),
    "shim.grpc": (
        *("account", "answered", "call", "channel", "client_link", "inbox", "incoming", "link"),
        *("messages", "metadata", "outbox", "outgoing", "server", "server_link", "status"),
    ),
}
NAMES = tuple(f"{package}.{module}" for package, modules in MODULES.items() for module in modules)
GROUP = "transport__mypyc"  # the module by which they share what they have in common
_ROOT = SHIM.parent
_STUBS = Path(__file__).parents[1] / "stubs"


def translated(folder: Path) -> Path:
    """The folder below `folder` with the C, of this very state of the SDK. Raises Faulty."""
    content = hashlib.sha256(importlib.metadata.version("mypy").encode())
    for source in (Path(__file__), *sorted(SHIM.rglob("*.py*"))):
        if source.suffix in (".py", ".pyi"):
            content.update(source.read_bytes())
    place = folder / f"transport.{content.hexdigest()[:16]}"
    if not place.exists():
        unfinished = place.with_suffix(".new")
        shutil.rmtree(unfinished, ignore_errors=True)
        done = subprocess.run(
            [sys.executable, "-m", __spec__.name, str(unfinished)],
            cwd=_ROOT,
            env=os.environ | {"MYPYPATH": str(_STUBS)},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise Faulty(f"mypyc refuses the transport:\n{done.stdout}{done.stderr}")
        unfinished.rename(place)
    return place


def natives() -> tuple[Native, ...]:
    """The modules, as made of what `translated` gives."""
    runtime = str(importlib.metadata.distribution("mypy").locate_file("mypyc/lib-rt"))
    return (
        Native(GROUP, f"PyInit_{GROUP}", ("*.c",), flags=("-I{tree}", f"-I{runtime}")),
        *(Native(name, f"CPyInit_{name.replace('.', '___')}", ()) for name in NAMES),
    )


def _translate(folder: str) -> None:
    import setuptools  # noqa: F401  before mypyc, which would look for distutils
    from mypyc.build import mypycify

    files = [f"{name.replace('.', '/')}.py" for name in NAMES]
    mypycify(
        ["--config-file=", "--explicit-package-bases", *files],
        target_dir=folder,
        group_name=GROUP.removesuffix("__mypyc"),
        multi_file=True,
    )


if __name__ == "__main__":
    _translate(*sys.argv[1:])
