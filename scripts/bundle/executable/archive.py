"""Packages of the release at hand, fetched by apt into folders of the build's own.

The machine's sources are asked, sources of packages included, and its keys verify what they say.
What the lock names is taken where the archive still has it; where it has moved on, the newest, or
nothing where nothing but the lock counts.
"""

import hashlib
import os
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote

from scripts.bundle.executable.target import Unbuildable

SOURCES = Path("/etc/apt")
CONFIGURATION = """\
Dir::State "{folder}/state";
Dir::Cache "{folder}/cache";
Dir::Etc::sourcelist "/dev/null";
Dir::Etc::sourceparts "{folder}/sources";
Acquire::Languages "none";
Acquire::IndexTargets::deb::DEP-11::DefaultEnabled "false";
Acquire::Retries "3";
APT::Architecture "{arch}";
APT::Architectures {{ "{arch}"; }};
APT::Sandbox::User "";
Debug::NoLocking "true";
"""
#: Docker's images switch it off in apt.conf.d, which outweighs what APT_CONFIG names; without
#: it each command would read all lists anew, 1 s for each package
KEPT = ("-o", "Dir::Cache::pkgcache=pkgcache.bin", "-o", "Dir::Cache::srcpkgcache=srcpkgcache.bin")
# The format of one-line sources: what comes before the suite, the suite, its components.
_ONE_LINE = re.compile(r"deb\s+((?:\[[^]]*\]\s+)?\S+\s+)(\S+)(\s.*)?")


class Package(NamedTuple):
    """A package's file; `package` is the source's name for a file of a source package."""

    package: str
    version: str
    file: Path
    sha256: str


def release() -> dict[str, str]:
    """What ``/etc/os-release`` says. Raises Unbuildable where it names no code name."""
    lines = Path("/etc/os-release").read_text().splitlines()
    said = {n: v.strip('"') for n, _, v in (line.partition("=") for line in lines)}
    if "VERSION_CODENAME" not in said:
        raise Unbuildable(f"{said.get('PRETTY_NAME', 'this system')} is no Debian and no Ubuntu")
    return said


class Lock:
    """What a release's lock names: ``sha256  file name``, as sha256sum writes it.

    A lock made `anew` names nothing yet. Where `only` it counts, nothing that it does not name is
    taken.
    """

    def __init__(self, path: Path, *, anew: bool = False, only: bool = False) -> None:
        self.path = path
        self.only = only
        text = path.read_text() if path.exists() and not anew else ""
        lines = [line.split() for line in text.splitlines() if not line.startswith("#")]
        self.sha256 = {name: digest for digest, name in lines}

    def write(self, packages: Iterable[Package]) -> None:
        """Name `packages` from now on."""
        lines = {f"{p.sha256}  {p.file.name}\n" for p in packages}
        self.path.parent.mkdir(exist_ok=True)
        text = "".join(sorted(lines, key=lambda line: line.split()[1]))
        self.path.write_text("# What the executable is made of, by sha256sum: make lock\n" + text)

    def version(self, package: str, arch: str) -> str:
        """The version of a package, "" for none."""
        for name in self.sha256:
            known, version, known_arch = named(name)
            if (known, known_arch) in ((package, arch), (package, "all")):
                return version
        return ""

    def source(self, package: str) -> dict[str, str]:
        """The files of a source package by name."""
        return {
            n: s for n, s in self.sha256.items() if n.startswith(f"{package}_") and n[-4:] != ".deb"
        }


def named(file: str) -> tuple[str, str, str]:
    """The package, version and architecture in a file's name; "" for what it does not tell."""
    package, version, rest = (*unquote(file).split("_", 2), "", "")[:3]
    return package, version, rest.partition(".")[0]


class Archive:
    """The release's archive for one architecture, kept below `folder`."""

    def __init__(self, folder: Path, arch: str, lock: Lock) -> None:
        self._folder = folder / arch
        self._arch = arch
        self._lock = lock
        self._configuration = self._folder / "apt.conf"
        self._asked = False
        for below in ("state/lists/partial", "cache/archives/partial", "sources", "files"):
            (self._folder / below).mkdir(parents=True, exist_ok=True)

    def packages(self, names: Iterable[str]) -> list[Package]:
        """Fetch the packages `names`. Raises Unbuildable."""
        return [self._package(name) for name in names]

    def source(self, name: str, version: str) -> list[Package]:
        """Fetch the files of a source package. Raises Unbuildable."""
        pinned = self._lock.source(name)
        if self._lock.only and f"{name}_{version}.dsc" not in pinned:
            raise Unbuildable(f"the lock names no source of {name} {version}")
        if f"{name}_{version}.dsc" in pinned:
            files = [self._files / file for file in pinned]
            if all(file.exists() and digest(file) == pinned[file.name] for file in files):
                return [Package(name, version, file, pinned[file.name]) for file in sorted(files)]
        self._update()
        got = self._apt("source", "--download-only", f"{name}={version}")
        if got.returncode:
            raise Unbuildable(f"no source of {name} {version}: {reason(got.stderr)}")
        upstream = version.rpartition("-")[0]
        found = sorted(
            (
                *self._files.glob(f"{name}_{version}.*"),
                *self._files.glob(f"{name}_{upstream}.orig*"),
            )
        )
        fetched = [Package(name, version, file, digest(file)) for file in found]
        if any(self._wrong(p.file) for p in fetched):
            raise Unbuildable(f"the archive's source of {name} is not what the lock names")
        return fetched

    def versions(self, package: str) -> list[str]:
        """The versions that the archive knows of a package, the newest first."""
        self._update()
        said = self._run("apt-cache", "madison", package).stdout
        rows = [[part.strip() for part in line.split("|")] for line in said.splitlines()]
        return list(dict.fromkeys(row[1] for row in rows if row[2].endswith("Packages")))

    def about(self, package: str) -> str:
        """What the archive says of a package. Raises Unbuildable where it knows none."""
        self._update()
        said = self._run("apt-cache", "show", "--no-all-versions", package)
        if said.returncode:
            raise Unbuildable(f"this release has no package {package}")
        return said.stdout

    @property
    def _files(self) -> Path:
        return self._folder / "files"

    def _package(self, name: str) -> Package:
        name, _, wanted = name.partition("=")
        pinned = self._lock.version(name, self._arch)
        if self._lock.only and (not pinned or wanted not in ("", pinned)):
            raise Unbuildable(f"the lock names no {name} {wanted}".rstrip() + f" for {self._arch}")
        if self._lock.sha256 and not pinned:
            print(
                f"build: warning: the lock names no {name} for {self._arch}: the archive's is taken"
                " (make lock)",
                file=sys.stderr,
            )
        version = wanted or pinned
        file = self._find(name, version) if version else None
        if file is None or self._wrong(file):
            self._update()
            got = self._apt("download", f"{name}={version}" if version else name)
            if got.returncode and pinned and not wanted and not self._lock.only:
                print(
                    f"build: warning: {name} {version}, which the lock names, is gone from the"
                    " archive: the newest is taken (make lock)",
                    file=sys.stderr,
                )
                version = ""
                got = self._apt("download", name)
            if got.returncode:
                asked = f"{name} {version}, which the lock names" if self._lock.only else name
                raise Unbuildable(f"cannot fetch {asked}: {reason(got.stderr)}")
            file = self._find(name, version or self.versions(name)[0])
        if file is None or self._wrong(file):
            raise Unbuildable(f"the archive's {name} is not what the lock names")
        return Package(name, named(file.name)[1], file, digest(file))

    def _wrong(self, file: Path) -> bool:
        wanted = self._lock.sha256.get(file.name)
        return wanted is not None and digest(file) != wanted

    def _find(self, package: str, version: str) -> Path | None:
        for file in self._files.glob(f"{package}_*.deb"):
            if named(file.name)[1:] in ((version, self._arch), (version, "all")):
                return file
        return None

    def _update(self) -> None:
        """Ask the machine's sources what they have, once."""
        if self._asked:
            return
        codename = release()["VERSION_CODENAME"]
        for name, text in sources(codename):
            (self._folder / "sources" / name).write_text(text)
        self._configuration.write_text(CONFIGURATION.format(folder=self._folder, arch=self._arch))
        got = self._apt("update")
        if got.returncode:
            raise Unbuildable(f"apt-get update: {reason(got.stderr)}")
        self._asked = True

    def _apt(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return self._run("apt-get", "--quiet", "--yes", *arguments)

    def _run(self, command: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [command, *KEPT, *arguments],
            cwd=self._files,
            env=os.environ | {"APT_CONFIG": str(self._configuration), "LC_ALL": "C"},
            capture_output=True,
            text=True,
            check=False,
        )


def sources(codename: str, folder: Path = SOURCES) -> Iterator[tuple[str, str]]:
    """The machine's sources of the release `codename`, with its sources: file name and text.

    Others' archives are not asked, unless they name a suite after the release.
    """
    for file in [folder / "sources.list", *sorted((folder / "sources.list.d").glob("*"))]:
        if not file.is_file():
            continue
        kept = []
        if file.suffix == ".list":
            for line in file.read_text().splitlines():
                one = _ONE_LINE.fullmatch(line.strip())
                if one and one[2].startswith(codename):
                    kept += [
                        f"{kind} {one[1]}{one[2]}{one[3] or ''}" for kind in ("deb", "deb-src")
                    ]
        elif file.suffix == ".sources":
            for stanza in re.split(r"\n\s*\n", file.read_text()):
                suites = re.search(r"(?im)^suites:(.*)$", stanza)
                if suites and suites[1].strip().startswith(codename):
                    kept += [re.sub(r"(?im)^types:.*$", "Types: deb deb-src", stanza), ""]
        if kept:
            yield file.name, "\n".join(kept) + "\n"


def unpack(packages: Iterable[Package], root: Path) -> None:
    """Unpack packages below `root`; nothing in them is run."""
    root.mkdir(parents=True)
    for package in packages:
        subprocess.run(["dpkg-deb", "--extract", package.file, root], check=True)


def digest(file: Path) -> str:
    """The SHA-256 of a file."""
    return hashlib.sha256(file.read_bytes()).hexdigest()


def reason(stderr: str) -> str:
    """The first that apt says of an error, which is its cause, without the address it asked."""
    lines = [line for line in stderr.splitlines() if line.startswith("E:")]
    if not lines:
        return "no reason given"
    return re.sub(r"\S+://\S+/|\s+\[IP: [^]]*\]", "", lines[0].removeprefix("E: "))
