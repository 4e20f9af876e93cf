"""The licence notices of what is inside the built file, which have to travel with it."""

from collections.abc import Iterable, Iterator, Sequence
from importlib.metadata import distribution
from pathlib import Path, PurePosixPath

from scripts.bundle.contents import installed
from scripts.bundle.linked import Linked, linked
from scripts.bundle.sbom import LICENCE, licence

#: the libraries of an executable, each with its notices
Carried = Sequence[tuple[Linked, str]]

# Of libraries linked into native modules, where the wheel brings no text of its own: those not
# offered under Apache-2.0, whose text is in the file anyhow.
LINKED = Path(__file__).parent / "notices"
RULE = "=" * 100


def notices(
    name: str, version: str, root: Path, dependencies: Iterable[str], carried: Carried = ()
) -> str:
    """Write all notices as one text: of the file `name`, of `dependencies`, of what is `carried`.

    Raises OSError when the checkout at `root` has no LICENSE.
    """
    parts = [_part(f"{name} {version}", LICENCE, (root / "LICENSE").read_text())]
    for dependency in dependencies:
        found = distribution(dependency)
        for path, source in installed(found):
            if ".dist-info/" in path and PurePosixPath(path).name.startswith("LICENSE"):
                about = f"{dependency} {found.version}, {source.name}"
                parts.append(_part(about, licence(dependency), source.read_text()))
        if not carried:
            parts.extend(_linked(dependency, linked(found)))
    parts += [_part(f"{one.name} {one.version}", one.licence, text) for one, text in carried]
    return "".join(parts)


def _part(about: str, expression: str, text: str) -> str:
    return f"{RULE}\n{about} ({expression})\n{RULE}\n\n{text.rstrip()}\n\n"


def _linked(owner: str, libraries: list[Linked]) -> Iterator[str]:
    if not libraries:
        return
    lines = [f"  {f'{one.name} {one.version}'.strip()} ({one.licence})" for one in libraries]
    parts = "\n".join(lines)
    yield _part(f"inside the native module of {owner}", "as its makers tell", parts)
    for one in libraries:
        text = LINKED / f"{one.name}.txt"
        if text.exists():
            yield _part(f"{one.name} {one.version}".strip(), one.licence, text.read_text())
