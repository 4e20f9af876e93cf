"""All steps from the lock to the executable."""

import hashlib
import pickle
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from scripts.bundle.contents import OF_THE_ZIP, Contents
from scripts.bundle.engine import Engine
from scripts.bundle.executable import standard_library
from scripts.bundle.executable.linking import Build, Module, frozen
from scripts.bundle.executable.recipe import Release, prepare
from scripts.bundle.executable.sdist import protobuf
from scripts.bundle.executable.target import Target, target
from scripts.bundle.written import engine_text, licences_text

ROOT = Path(__file__).resolve().parents[3]
#: of the SDK, what stands for the executable's own module in other forms
_OTHERWISE = ("shim.process.packaged",)


class Parts(NamedTuple):
    """What an executable is made of beside Python modules, for one target."""

    target: Target
    release: Release
    protobuf: Path


def fetched(arch: str, folder: Path) -> Parts:
    """All parts for `arch`, the machine's own where that is empty, kept below `folder`.

    Raises Unbuildable.
    """
    wanted = target(arch)
    release = prepare(wanted, folder / "debian")
    return Parts(wanted, release, protobuf(folder / "sdist", ROOT / "requirements-plugin.lock"))


def executable(
    parts: Parts, contents: Contents, engine: Engine, notices: str, folder: Path
) -> tuple[bytes, dict[str, dict[str, bytes]]]:
    """The file, and the bytecode of each module in it by name and by owner, as `sbom.bill` has it.

    `folder` keeps what the next build needs again. Raises Faulty.
    """
    wanted, release, source = parts
    carried = dict(standard_library.modules(release.library))
    owners = dict.fromkeys(carried, "cpython")
    own: dict[str, Path] = {}
    for item in contents.modules:
        if item.owner not in OF_THE_ZIP:
            name = _module(item.name)
            owners[name] = item.owner
            (carried if item.owner else own)[name] = item.source
    packages = {name for name, path in (own | carried).items() if path.name == "__init__.py"}
    folders = {
        str(p).replace("/", ".")
        for name in (own | carried)
        for p in PurePosixPath(name.replace(".", "/")).parents
        if p.name
    }
    missing = folders - packages
    written = folder / "written"
    written.mkdir(exist_ok=True)
    for name, text in {"_engine": engine_text(engine), "_licences": licences_text(notices)}.items():
        path = written / f"{name}.py"
        path.write_text(text)
        own[name] = path
    own["_entry"] = Path(__file__).parent / "entry.py"
    for name in _OTHERWISE:
        own.pop(name)
    codes = _kept(folder, release, carried) | frozen(release, {**own, **dict.fromkeys(missing)})
    modules = [Module(name, codes[name], name in packages | missing) for name in sorted(codes)]
    build = Build(wanted, release, source, folder / "objects" / wanted.arch)
    files: dict[str, dict[str, bytes]] = {"": {}}
    for name, code in codes.items():
        files.setdefault(owners.get(name, ""), {})[name] = code
    return build.link(modules), files


def _module(file: str) -> str:
    """The import name of a file below the import root."""
    parts = PurePosixPath(file).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _kept(folder: Path, release: Release, sources: dict[str, Path]) -> dict[str, bytes]:
    """The bytecode of what seldom changes, kept from one build to the next."""
    content = hashlib.sha256(str(release.packages).encode())
    for name, path in sources.items():
        content.update(name.encode() + path.read_bytes())
    place = folder / f"bytecode.{content.hexdigest()[:16]}"
    if not place.exists():
        place.write_bytes(pickle.dumps(frozen(release, sources)))
    codes: dict[str, bytes] = pickle.loads(place.read_bytes())  # noqa: S301  our own
    return codes
