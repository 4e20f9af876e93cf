"""What of the release is needed, and where its parts are."""

import hashlib
import re
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from scripts.bundle.executable.archive import Archive, Lock, Package, release, unpack
from scripts.bundle.executable.target import Target, Unbuildable, compiler_version, machine

LOCKS = Path(__file__).parent / "locks"
OLDEST = (3, 11)

#: linked, or headers of what is linked
LINKED = ("libssl-dev", "libexpat1-dev", "zlib1g-dev", "libc6-dev")
HEADERS = ("linux-libc-dev", "libcrypt-dev", "libbluetooth-dev")  # the last for Python's _ssl.c
#: run by the build itself; the last two are strace's libraries
TOOLS = ("patch", "strace", "libunwind8", "liblzma5")


class Release(NamedTuple):
    """A release's Python and all that is linked with it, fetched and unpacked.

    `gcc` is the package of its compiler's own library. `root` holds the target's packages, `tools`
    what runs here, `source` CPython's own source with the release's patches.
    """

    python: str
    arch: str
    gcc: str
    root: Path
    tools: Path
    source: Path
    packages: tuple[Package, ...]
    sources: tuple[Package, ...]

    @property
    def interpreter(self) -> Path:
        """The same Python for this machine, to compile modules with."""
        return self.tools / "usr/bin" / f"python{self.python}"

    @property
    def tree(self) -> Path:
        """CPython's own source."""
        return next(found for found in self.source.iterdir() if found.name != "debian")

    @property
    def library(self) -> Path:
        """The standard library."""
        return self.root / "usr/lib" / f"python{self.python}"

    def notices(self, package: str) -> str:
        """A package's licence notices."""
        return (self.root / "usr/share/doc" / package / "copyright").read_text()


def lock_of(said: dict[str, str]) -> Path:
    """Where the lock of a release is."""
    return LOCKS / f"{said['ID']}-{said['VERSION_ID']}.lock"


def prepare(target: Target, folder: Path, *, anew: bool = False) -> Release:
    """Have all of the release's parts below `folder`; the lock is not obeyed where `anew`.

    Raises Unbuildable.
    """
    lock = Lock(lock_of(release()))
    archive = Archive(folder / target.arch, target.arch, lock, anew=anew)
    here = machine()
    native = archive if here == target.arch else Archive(folder / here, here, lock, anew=anew)
    python, version, source = _python(archive, lock, anew=anew)
    library = [f"libpython{python}-{part}={version}" for part in ("stdlib", "minimal")]
    gcc = f"libgcc-{compiler_version(target)}-dev"
    base = gcc.replace("libgcc", "gcc").replace("-dev", "-base")  # holds its notices
    packages = archive.packages(
        [f"libpython{python}-dev={version}", *library, *LINKED, gcc, base, *HEADERS]
    )
    tools = native.packages([f"python{python}-minimal={version}", *library, *TOOLS])
    root = _once(folder / "root", packages, lambda place: unpack(packages, place))
    here_root = _once(folder / "tools", tools, lambda place: unpack(tools, place))
    patch = here_root / "usr/bin/patch"
    tree = _once(folder / "source", source, lambda place: _patched(source, place, patch))
    if anew:
        lock.write([*packages, *tools, *source])
    return Release(python, target.arch, gcc, root, here_root, tree, tuple(packages), tuple(source))


def _python(archive: Archive, lock: Lock, *, anew: bool) -> tuple[str, str, list[Package]]:
    """The release's Python: minor version, Debian's version, source.

    The newest whose source the archive has, too: that of a security update may come later.
    """
    pinned = [name for name in lock.sha256 if re.match(r"python3\.\d+_.*\.dsc$", name)]
    if pinned and not anew:
        name, version = pinned[0].removesuffix(".dsc").split("_")
        try:
            return name.removeprefix("python"), version, archive.source(name, version)
        except Unbuildable as gone:
            print(f"build: warning: {gone}: another is taken (make lock)", file=sys.stderr)
    found = re.search(r"(?m)^Depends:.*libpython(3\.\d+)-dev", archive.about("libpython3-dev"))
    python = found[1] if found else "3.0"
    if tuple(map(int, python.split("."))) < OLDEST:
        raise Unbuildable(f"the Python of this release is {python}, 3.11 or newer is needed")
    reason: Unbuildable | None = None
    for version in archive.versions(f"libpython{python}-dev"):
        try:
            source = archive.source(f"python{python}", version)
        except Unbuildable as missing:
            reason = reason or missing
            continue
        if reason is not None:
            print(f"build: warning: {reason}: {version} is taken", file=sys.stderr)
        return python, version, source
    raise reason or Unbuildable(f"this release has no python{python}")


def _once(folder: Path, packages: list[Package], make: Callable[[Path], None]) -> Path:
    """The place below `folder` that `make` fills with `packages`, named by them: filled once."""
    content = hashlib.sha256("".join(sorted(p.sha256 for p in packages)).encode()).hexdigest()
    place = folder / content[:16]
    if not place.exists():
        unfinished = folder / f"{content[:16]}.new"
        shutil.rmtree(unfinished, ignore_errors=True)
        make(unfinished)
        unfinished.rename(place)
    return place


def _patched(files: list[Package], place: Path, patch: Path) -> None:
    """Unpack a source package, and apply the release's patches as quilt would."""
    for file in files:
        if ".tar." in file.file.name:
            with tarfile.open(file.file) as archive:
                archive.extractall(place, filter="data")
    (tree,) = (found for found in place.iterdir() if found.name != "debian")
    patches = place / "debian/patches"
    for line in (patches / "series").read_text().splitlines():
        words = line.partition("#")[0].split()
        if words:
            level = words[1] if len(words) > 1 else "-p1"
            command = [str(patch), "--silent", "--force", level, "--directory", str(tree)]
            with (patches / words[0]).open() as difference:
                subprocess.run(command, stdin=difference, check=True)
