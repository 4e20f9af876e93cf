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
from scripts.bundle.executable.target import (
    TRIPLETS,
    Target,
    Unbuildable,
    compiler_version,
    machine,
    target,
)

LOCKS = Path(__file__).parent / "locks"
BUILD = Path(__file__).resolve().parents[3] / "build"  # kept from one build to the next
OLDEST = (3, 11)

#: linked, or headers of what is linked
LINKED = ("libssl-dev", "libexpat1-dev", "zlib1g-dev", "libc6-dev")
COMPRESSING = (3, 2)  # the first OpenSSL that takes zstd
HEADERS = ("linux-libc-dev", "libcrypt-dev", "libbluetooth-dev")  # the last for Python's _ssl.c
#: run by the build itself; the last two are strace's libraries
TOOLS = ("patch", "strace", "libunwind8", "liblzma5")

#: under licences that ask for their source to go along (LGPL): package, and source package
ASKED_FOR = {"libc6-dev": "glibc"}


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


def lock_at_hand(*, only: bool) -> Lock:
    """The lock of the release at hand. Raises Unbuildable for none where `only` it counts."""
    lock = Lock(lock_of(release()), only=only)
    if not lock.sha256:
        lack = f"this release has no lock, {lock.path.name}"
        if only:
            raise Unbuildable(f"{lack}: make lock writes one")
        print(f"build: warning: {lack}: its newest packages are taken", file=sys.stderr)
    return lock


def prepare(wanted: Target, cache: Path = BUILD, *, only: bool = False) -> Release:
    """Have all of the release's parts below `cache`; where `only`, none that its lock lacks.

    Raises Unbuildable.
    """
    folder = cache / "debian"
    lock = lock_at_hand(only=only)
    native = Archive(folder, machine(), lock)
    archive = native if wanted.arch == machine() else Archive(folder, wanted.arch, lock)
    python, version, source = _python(native, lock)
    compiler = compiler_version(wanted)
    packages = linked(archive, python, version, compiler)
    tools = _tools(native, python, version)
    root = _once(folder / "root", packages, lambda place: unpack(packages, place))
    here_root = _once(folder / "tools", tools, lambda place: unpack(tools, place))
    patch = here_root / "usr/bin/patch"
    tree = _once(folder / "source", source, lambda place: patched(source, place, patch))
    return Release(
        *(python, wanted.arch, _libgcc(compiler), root, here_root, tree),
        *(tuple(packages), tuple(source)),
    )


def lock_anew(cache: Path = BUILD) -> None:
    """Have the release's lock name its newest packages, to build for any CPU on a machine of any.

    Raises Unbuildable.
    """
    folder = cache / "debian"
    lock = Lock(lock_of(release()), anew=True)
    native = Archive(folder, machine(), lock)
    python, version, source = _python(native, lock)
    named = [*source, *_asked_for(native)]
    for arch in TRIPLETS:
        archive = native if arch == machine() else Archive(folder, arch, lock)
        named += linked(archive, python, version, compiler_version(target()))
        named += _tools(archive, python, version)
    lock.write(named)


def asked_for(cache: Path = BUILD) -> list[Path]:
    """The source packages that licences ask to go along, as the lock names them.

    Raises Unbuildable.
    """
    lock = lock_at_hand(only=True)
    return [one.file for one in _asked_for(Archive(cache / "debian", machine(), lock))]


def _asked_for(archive: Archive) -> list[Package]:
    return [
        file
        for package, source in ASKED_FOR.items()
        for found in archive.packages([package])
        for file in archive.source(source, found.version)
    ]


def linked(archive: Archive, python: str, version: str, compiler: str) -> list[Package]:
    """What an executable is linked of."""
    base = f"gcc-{compiler}-base"  # holds the notices of the compiler's library
    names = [f"libpython{python}-{part}={version}" for part in ("dev", "stdlib", "minimal")]
    found = archive.packages([*names, *LINKED, _libgcc(compiler), base, *HEADERS])
    (openssl,) = (package.version for package in found if package.package == "libssl-dev")
    upstream = openssl.rpartition(":")[2]  # without Debian's epoch
    if tuple(map(int, re.findall(r"\d+", upstream)[:2])) >= COMPRESSING:
        found += archive.packages(["libzstd-dev"])
    return found


def _tools(archive: Archive, python: str, version: str) -> list[Package]:
    """What the build itself runs."""
    names = [f"python{python}-minimal", *(f"libpython{python}-{p}" for p in ("stdlib", "minimal"))]
    return archive.packages([*(f"{name}={version}" for name in names), *TOOLS])


def _libgcc(compiler: str) -> str:
    return f"libgcc-{compiler}-dev"


def _python(archive: Archive, lock: Lock) -> tuple[str, str, list[Package]]:
    """The release's Python: minor version, Debian's version, source.

    The newest whose source the archive has, too: that of a security update may come later.
    """
    pinned = [name for name in lock.sha256 if re.match(r"python3\.\d+_.*\.dsc$", name)]
    if pinned:
        name, version = pinned[0].removesuffix(".dsc").split("_")
        try:
            return name.removeprefix("python"), version, archive.source(name, version)
        except Unbuildable as gone:
            if lock.only:
                raise
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


def patched(files: list[Package], place: Path, patch: Path) -> None:
    """Unpack a source package, and apply the release's patches as quilt would."""
    for file in files:
        if ".tar." in file.file.name and file.file.suffix != ".asc":  # its maker's signature
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
