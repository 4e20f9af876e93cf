"""The command line of the build; `make build` runs it."""

import argparse
import contextlib
import fcntl
import hashlib
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from scripts.bundle import sbom
from scripts.bundle.contents import DEPENDENCIES, OF_THE_ZIP, Contents, IncompleteError, contents
from scripts.bundle.engine import Engine
from scripts.bundle.executable.build import Parts, executable, fetched
from scripts.bundle.executable.carried import carried
from scripts.bundle.executable.linking import Faulty
from scripts.bundle.executable.recipe import BUILD
from scripts.bundle.executable.target import Unbuildable
from scripts.bundle.linked import Linked
from scripts.bundle.notices import notices
from scripts.bundle.zip import archive, interpreter

ROOT = Path(__file__).resolve().parents[2]
FORMS = ("executable", "zip")


class Built(NamedTuple):
    """A file, what goes into it (as `sbom.bill` has it), its notices, and how it runs."""

    data: bytes
    files: Mapping[str, Mapping[str, bytes]]
    libraries: Sequence[Linked]
    licences: str
    runs: str


def write(path: Path, data: bytes, mode: int) -> None:
    """Put a file in place at once, so that a running plugin keeps the file it was started from."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.new")
    fresh.write_bytes(data)
    fresh.chmod(mode)
    fresh.replace(path)


def as_executable(name: str, engine: Engine, code: Contents, parts: Parts, folder: Path) -> Built:
    """One static file. Raises Faulty."""
    libraries = carried(parts.release, parts.protobuf)
    used = [dependency for dependency in DEPENDENCIES if dependency not in OF_THE_ZIP]
    licences = notices(name, engine.version, ROOT, used, libraries)
    data, files = executable(parts, code, engine, licences, folder)
    linked = [library for library, _ in libraries]
    return Built(data, files, linked, licences, f"a static executable for {parts.target.arch}")


def as_zip(name: str, engine: Engine, code: Contents, wanted: Path | None) -> Built:
    """An archive behind a `#!` line. Raises UnusableInterpreterError."""
    python = interpreter.choose(wanted)
    closed = interpreter.unreachable_for_others(python)
    if closed:
        print(
            f"build: warning: other users cannot run {python}, {closed} is closed to them; "
            "name one that the Vault server can run, make build FORM=zip INTERPRETER=/path",
            file=sys.stderr,
        )
    licences = notices(name, engine.version, ROOT, DEPENDENCIES)
    laid_out = archive.entries(code, engine, licences)
    data = archive.executable(interpreter.first_line(python), laid_out)
    return Built(data, archive.owned(code, laid_out), (), licences, f"runs on {python}")


@contextlib.contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Wait for other builds in `folder` to end."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def build(options: argparse.Namespace, engine: Engine) -> Built:
    """Build in the form asked for, else as an executable, else, loudly, as a zip.

    Raises Unbuildable, and what the forms raise.
    """
    if options.form == "zip" and options.arch:
        raise Unbuildable("a zip is for the CPU that builds it: leave out ARCH, or FORM=zip")
    code = contents(engine)
    if options.form != "zip":
        try:
            with alone(options.cache):
                parts = fetched(options.arch, options.cache, only=options.locked)
            folder = options.cache / parts.target.arch
            with alone(folder):
                return as_executable(options.output.name, engine, code, parts, folder)
        except Unbuildable as lack:
            if options.form or options.arch or options.locked:
                raise
            print(
                f"build: WARNING: {lack}\nbuild: WARNING: this is a zip, which needs its own minor"
                " version of Python on every server and runs in no official image of Vault",
                file=sys.stderr,
            )
    return as_zip(options.output.name, engine, code, options.interpreter)


def main() -> int:
    """Build; give the exit code."""
    parser = argparse.ArgumentParser(prog="make build", description="Build a plugin's one file.")
    parser.add_argument("--output", type=Path, required=True, help="the file to write")
    parser.add_argument(
        "--engine", type=Path, default=ROOT / "vault_plugin", help="its package or module"
    )
    parser.add_argument("--form", choices=FORMS, help="executable, where it can be, else zip")
    parser.add_argument("--arch", default="", help="as Debian names it: amd64, arm64")
    parser.add_argument(
        "--locked", action="store_true", help="take nothing of the release but what its lock names"
    )
    parser.add_argument("--cache", type=Path, default=BUILD, help="kept for the next build")
    parser.add_argument("--interpreter", type=Path, help="the Python a zip's first line names")
    options = parser.parse_args()
    engine = Engine(options.engine.resolve())
    try:
        built = build(options, engine)
    except (interpreter.UnusableInterpreterError, IncompleteError, Unbuildable, Faulty) as error:
        print(f"build: {error}", file=sys.stderr)
        return 1
    output: Path = options.output
    sha256 = hashlib.sha256(built.data).hexdigest()
    beside = {
        "sha256": f"{sha256}  {output.name}\n".encode(),
        "cdx.json": sbom.bill(output.name, engine.version, sha256, built.files, built.libraries),
        "licences.txt": built.licences.encode(),
    }
    write(output, built.data, 0o755)
    for suffix, text in beside.items():
        write(output.with_name(f"{output.name}.{suffix}"), text, 0o644)
    print(f"{output}  {len(built.data) / 1e6:.1f} MB, {built.runs}\nsha256 {sha256}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
