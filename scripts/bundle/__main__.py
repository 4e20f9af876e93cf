"""The command line of the build; `make build` runs it."""

import argparse
import hashlib
import runpy
import sys
from pathlib import Path

from scripts.bundle import archive, interpreter, sbom
from scripts.bundle.contents import IncompleteError, contents
from scripts.bundle.notices import notices

ROOT = Path(__file__).resolve().parent.parent.parent


def write(path: Path, data: bytes, mode: int) -> None:
    """Put a file in place at once, so that a running plugin keeps the file it was started from."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.new")
    fresh.write_bytes(data)
    fresh.chmod(mode)
    fresh.replace(path)


def main() -> int:
    """Build; give the exit code."""
    parser = argparse.ArgumentParser(prog="make build", description="Build the plugin's one file.")
    parser.add_argument("--output", type=Path, required=True, help="the file to write")
    parser.add_argument("--interpreter", type=Path, help="the Python its first line names")
    parser.add_argument("--root", type=Path, default=ROOT, help="the checkout to build from")
    options = parser.parse_args()
    try:
        python = interpreter.choose(options.interpreter)
    except interpreter.UnusableInterpreterError as unusable:
        print(f"build: {unusable}", file=sys.stderr)
        return 1
    closed = interpreter.unreachable_for_others(python)
    if closed:
        print(
            f"build: warning: other users cannot run {python}, {closed} is closed to them; "
            "name an interpreter the Vault server can run with make build INTERPRETER=/path",
            file=sys.stderr,
        )
    try:
        code = contents(options.root)
    except IncompleteError as incomplete:
        print(f"build: {incomplete}", file=sys.stderr)
        return 1
    version = runpy.run_path(str(options.root / "vault_plugin/__init__.py"))["VERSION"]
    licences = notices(version, options.root)
    laid_out = archive.entries(code, licences)
    data = archive.executable(interpreter.first_line(python), laid_out)
    sha256 = hashlib.sha256(data).hexdigest()
    beside = {
        "sha256": f"{sha256}  {options.output.name}\n".encode(),
        "cdx.json": sbom.bill(version, sha256, code, laid_out),
        "licences.txt": licences,
    }
    write(options.output, data, 0o755)
    for suffix, text in beside.items():
        write(options.output.with_name(f"{options.output.name}.{suffix}"), text, 0o644)
    print(f"{options.output}  {len(data) / 1e6:.1f} MB, runs on {python}\nsha256 {sha256}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
