"""Write a project: `scripts/new-engine NAME DIR`."""

import re
import sys
from pathlib import Path

SDK = Path(__file__).resolve().parents[2]
TEMPLATE = Path(__file__).parent / "template"
USAGE = "usage: scripts/new-engine NAME DIR"
_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_TAKEN = sys.stdlib_module_names | {"shim", "scripts", "google", "hpack", "tests"}


def module_of(name: str) -> str:
    """The module of the engine `name`. Raises ValueError, which says what to write instead."""
    module = name.replace("-", "_")
    if not _NAME.fullmatch(name):
        raise ValueError(
            f"{name!r} is no name for a plugin: write lower-case letters and digits, with single"
            " hyphens between"
        )
    if module in _TAKEN:
        raise ValueError(f"{module!r} is a module that an engine needs itself: take another name")
    return module


def write(name: str, folder: Path) -> list[Path]:
    """Write the project of the engine `name` to `folder`: what was written.

    Raises ValueError for a name that is none and a folder that holds something, OSError.
    """
    module = module_of(name)
    if folder.exists() and any(folder.iterdir()):
        raise ValueError(f"{folder} is not empty: name a new folder")
    folder.mkdir(parents=True, exist_ok=True)
    words = {"@NAME@": name, "@MODULE@": module, "@TITLE@": name.capitalize(), "@SDK@": str(SDK)}
    written = []
    for source in sorted(TEMPLATE.iterdir()):
        text, target = source.read_text(), source.name.removesuffix(".in")
        for word, value in words.items():
            text, target = text.replace(word, value), target.replace(word, value)
        written.append(folder / target)
        written[-1].write_text(text)
    return written


def main() -> None:
    """Write what was asked for, and say how to go on."""
    if len(sys.argv) != 3:
        sys.exit(USAGE)
    folder = Path(sys.argv[2])
    try:
        written = write(sys.argv[1], folder)
    except (ValueError, OSError) as error:
        sys.exit(f"new-engine: {error}")
    for file in written:
        print(file)
    print(f"\nNow: cd {folder} && make")


if __name__ == "__main__":
    main()
