"""The libraries that the executable carries: versions, licences, where they came from."""

import re
from importlib.metadata import distribution
from importlib.metadata import version as installed_version
from pathlib import Path

from scripts.bundle.contents import installed
from scripts.bundle.executable.archive import release as system_release
from scripts.bundle.executable.recipe import Release
from scripts.bundle.linked import Linked
from scripts.bundle.notices import LINKED

#: Debian's packages that are linked, by what is in them: the source package's name, SPDX licence
_OF_DEBIAN = {
    "libssl-dev": ("openssl", "Apache-2.0"),
    "libc6-dev": ("glibc", "LGPL-2.1-or-later"),
    "libexpat1-dev": ("expat", "MIT"),
    "zlib1g-dev": ("zlib", "Zlib"),
    "libzstd-dev": ("zstd", "BSD-3-Clause"),
}


def _of_mypyc() -> tuple[Linked, str]:
    """What the compiled transport calls."""
    mypy = distribution("mypy")
    texts = [text for path, text in installed(mypy) if path.endswith("licenses/LICENSE")]
    found = Linked(
        f"pkg:pypi/mypy@{mypy.version}", "mypyc", mypy.version, "MIT AND PSF-2.0", "", ()
    )
    return found, "".join(text.read_text() for text in texts)


def carried(release: Release, protobuf: Path) -> list[tuple[Linked, str]]:
    """Each library, with its notices."""
    system = system_release()["ID"]

    def of_debian(package: str, name: str, licence: str) -> tuple[Linked, str]:
        found = next(p for p in release.packages if p.package == package)
        purl = f"pkg:deb/{system}/{package}@{found.version}?arch={release.arch}"
        return Linked(purl, name, found.version, licence, found.sha256, ()), release.notices(
            package
        )

    had = {package.package for package in release.packages}
    python = f"libpython{release.python}-dev"
    libraries = [
        of_debian(python, "cpython", "PSF-2.0"),
        *(of_debian(package, *about) for package, about in _OF_DEBIAN.items() if package in had),
        of_debian(release.gcc, "libgcc", "GPL-3.0-or-later WITH GCC-exception-3.1"),
    ]
    header = (release.tree / "Modules/_decimal/libmpdec/mpdecimal.h").read_text()
    told = re.search(r'MPD_VERSION "([^"]+)"', header)
    mpdecimal = told[1] if told else ""
    upb = installed_version("protobuf")
    libraries += [
        (
            Linked(
                f"pkg:generic/mpdecimal@{mpdecimal}", "mpdecimal", mpdecimal, "BSD-2-Clause", "", ()
            ),
            "Part of CPython: see its notices.",
        ),
        (
            Linked(f"pkg:generic/upb@{upb}", "upb", upb, "BSD-3-Clause", "", ()),
            (protobuf / "LICENSE").read_text(),
        ),
        (
            Linked(f"pkg:generic/utf8_range@{upb}", "utf8_range", upb, "MIT", "", ()),
            (LINKED / "utf8_range.txt").read_text(),
        ),
        _of_mypyc(),
    ]
    return libraries
