"""The list of public names in the documents is what the doors have."""

import builtins
import re
from pathlib import Path

import shim
import shim.testing

DOCS = Path(__file__).resolve().parents[3] / "docs"
PAGES = [DOCS / "sdk.md", *sorted((DOCS / "sdk").glob("*.md"))]
PUBLIC = {*shim.__all__, *shim.testing.__all__}
OF_THE_HOST = {"ResponseWrapData"}
_SHOWN = re.compile(r"```python\n.*?```|(?<!`)`[^`\n]+`(?!`)", re.DOTALL)
_NAME = re.compile(r"\b[A-Z][a-z]\w*\b(?! [a-z])")


def listed(table: str) -> list[str]:
    """The names in a table, but for its head."""
    return sorted(re.findall(r"`(\w+)`", table.partition("\n")[2]))


def test_the_documents_list_every_public_name_and_no_other() -> None:
    _, of_shim, of_testing = (DOCS / "sdk" / "names.md").read_text().split("| of `")
    assert listed(of_shim) == sorted(shim.__all__)
    assert listed(of_testing) == sorted(shim.testing.__all__)


def test_what_the_guide_names_is_public() -> None:
    shown = " ".join(found for page in PAGES for found in _SHOWN.findall(page.read_text()))
    named = set(_NAME.findall(shown)) - vars(builtins).keys() - OF_THE_HOST
    assert named >= {"MemoryHost", "Unrecoverable", "SpecialPaths", "NoTransactions"}
    assert named <= PUBLIC | {"Mapping", "Any"}


def test_every_public_name_says_what_it_is() -> None:
    doors = (shim, shim.testing)
    named = [(name, getattr(door, name)) for door in doors for name in door.__all__]
    assert [name for name, of in named if callable(of) and not of.__doc__] == []
