"""All steps from the lock to the executable."""

import hashlib
import pickle
import shutil
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from scripts.bundle.contents import OF_THE_ZIP, Contents, missing_packages
from scripts.bundle.engine import Engine
from scripts.bundle.executable import standard_library, transport
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


def fetched(arch: str, folder: Path, *, only: bool = False) -> Parts:
    """All parts for `arch`, the machine's own where that is empty, kept below `folder`.

    Where `only`, none that the release's lock lacks. Raises Unbuildable.
    """
    wanted = target(arch)
    release = prepare(wanted, folder, only=only)
    return Parts(wanted, release, protobuf(folder / "sdist", ROOT / "requirements-plugin.lock"))


def executable(
    parts: Parts, contents: Contents, engine: Engine, notices: str, folder: Path
) -> tuple[bytes, dict[str, dict[str, bytes]]]:
    """The file, and the bytecode of each module in it by name and by owner, as `sbom.bill` has it.

    `folder` keeps what the next build needs again. Raises Faulty.
    """
    wanted, release, source = parts
    items = [i for i in (*contents.modules, *contents.natives) if i.owner not in OF_THE_ZIP]
    written = {"_engine": engine_text(engine), "_licences": licences_text(notices)}
    written |= {_module(name): "" for name in missing_packages({item.name for item in items})}
    owners = {_module(item.name): item.owner for item in items}
    files = {_module(item.name): item.source for item in items if item.name.endswith(".py")}
    carried = dict(standard_library.modules(release.library))
    owners |= dict.fromkeys(carried, "cpython")
    carried |= {name: path for name, path in files.items() if owners[name]}
    own = {name: path for name, path in files.items() if not owners[name]}
    own |= _written(folder / "written", written)
    own["_entry"] = Path(__file__).parent / "entry.py"
    for name in (*_OTHERWISE, *transport.NAMES):
        del own[name]
    codes = _kept(folder, release, carried) | frozen(release, own)
    modules = [
        Module(name, codes[name], path.name == "__init__.py")
        for name, path in sorted((own | carried).items())
    ]
    build = Build(wanted, release, source, folder / "objects")
    owned: dict[str, dict[str, bytes]] = {"": {}}
    for name, code in codes.items():
        owned.setdefault(owners.get(name, ""), {})[name] = code
    return build.link(modules, (transport.natives(), transport.translated(folder))), owned


def _written(folder: Path, texts: dict[str, str]) -> dict[str, Path]:
    """Files of modules that the build itself writes; the empty ones are packages."""
    shutil.rmtree(folder, ignore_errors=True)
    found = {}
    for name, text in texts.items():
        place = folder / name
        place.mkdir(parents=True)
        found[name] = place / ("module.py" if text else "__init__.py")
        found[name].write_text(text)
    return found


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
        unfinished = place.with_suffix(".new")  # of a build that was broken off, perhaps
        unfinished.write_bytes(pickle.dumps(frozen(release, sources)))
        unfinished.rename(place)
    codes: dict[str, bytes] = pickle.loads(place.read_bytes())  # noqa: S301  our own
    return codes
