"""Makes all that a release gives to others, from what the locks name alone; `make release` runs it.

It goes to ``dist/v<version>``: the executable for each CPU, its bill of materials and its notices,
the image of all, the applications' library, the sources that licences ask to go along, and one
``SHA256SUMS`` over them.
"""

from __future__ import annotations

import hashlib
import io
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING

from scripts.bundle.executable.recipe import asked_for
from scripts.bundle.executable.target import TRIPLETS, Unbuildable, machine
from scripts.image import ENGINE, NAME

if TYPE_CHECKING:
    from collections.abc import Iterable

ROOT = Path(__file__).resolve().parents[1]


class Unreleasable(Exception):  # noqa: N818  a state of the tree
    """The tree is none that a release is made of; the text says what to do first."""


def check(version: str, root: Path = ROOT) -> None:
    """See that the tree at `root` is a commit's, and tells of `version`. Raises Unreleasable."""
    status = ("git", "status", "--porcelain")
    changed = subprocess.run(status, cwd=root, capture_output=True, text=True, check=True).stdout
    if changed:
        raise Unreleasable(f"not in any commit, commit or remove it first:\n{changed.rstrip()}")
    if f"\n## [{version}] - " not in (root / "CHANGELOG.md").read_text():
        raise Unreleasable(f"CHANGELOG.md has no section of {version} with its date")


def build(arch: str, folder: Path, release: Path, version: str) -> Path:
    """Build for `arch` below `folder`, and put what comes of it into `release`; the executable."""
    plain = folder / arch / NAME  # its name is in the bill and in the notices
    bundle = ("scripts.bundle", "--locked", "--form", "executable", "--arch", arch)
    _run(*bundle, "--output", plain)
    if arch == machine():
        _run("scripts.traced_life", plain)
    file = release / f"{NAME}_{version}_linux_{arch}"
    plain.rename(file)
    for suffix in ("cdx.json", "licences.txt"):
        plain.with_name(f"{NAME}.{suffix}").rename(file.with_name(f"{file.name}.{suffix}"))
    return file


def sources(place: Path, version: str, packages: Iterable[Path], root: Path = ROOT) -> None:
    """Write the sources: this commit's, and the release's `packages` beside it, no time in them."""
    archive = ("git", "archive", f"--prefix={NAME}-{version}/", "HEAD")
    own = subprocess.run(archive, cwd=root, capture_output=True, check=True).stdout
    contents = {f"{NAME}-{version}.tar": own} | {p.name: p.read_bytes() for p in packages}
    with tarfile.open(place, "w", format=tarfile.PAX_FORMAT) as tar:
        for name, content in sorted(contents.items()):
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))


def sums(folder: Path) -> str:
    """The SHA-256 of each file of `folder`, as ``sha256sum -c`` reads it."""
    return "".join(
        f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.name}\n"
        for file in sorted(folder.iterdir())
    )


def release(version: str, place: Path, folder: Path) -> None:
    """Make the release in `folder`, and have it at `place` once it is whole."""
    made = folder / "made"
    made.mkdir()
    files = [build(arch, folder, made, version) for arch in TRIPLETS]
    _run("scripts.image", "--output", made / f"{NAME}_{version}.oci.tar", *files)
    _run("scripts.distribution", "--output", made)
    sources(made / f"{NAME}_{version}_sources.tar", version, asked_for())
    (made / "SHA256SUMS").write_text(sums(made))
    shutil.rmtree(place, ignore_errors=True)
    made.rename(place)


def main() -> int:
    """Make the release; give the exit code."""
    version = ENGINE.version
    place = ROOT / "dist" / f"v{version}"
    folder = ROOT / "dist" / ".release"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        check(version)
        release(version, place, folder)
    except (Unreleasable, Unbuildable) as lack:
        print(f"release: {lack}", file=sys.stderr)
        return 1
    except subprocess.CalledProcessError as failed:
        return int(failed.returncode)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(f"{place}\n{(place / 'SHA256SUMS').read_text()}", end="")
    return 0


def _run(module: str, *arguments: str | Path) -> None:
    subprocess.run([sys.executable, "-m", module, *arguments], cwd=ROOT, check=True)


if __name__ == "__main__":
    sys.exit(main())
