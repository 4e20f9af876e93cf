"""The list of public names in the documents is what the doors have."""

import re
from pathlib import Path

import shim
import shim.testing

NAMES = Path(__file__).resolve().parents[3] / "docs" / "sdk" / "names.md"


def listed(table: str) -> list[str]:
    """The names in a table, but for its head."""
    return sorted(re.findall(r"`(\w+)`", table.partition("\n")[2]))


def test_the_documents_list_every_public_name_and_no_other() -> None:
    _, of_shim, of_testing = NAMES.read_text().split("| of `")
    assert listed(of_shim) == sorted(shim.__all__)
    assert listed(of_testing) == sorted(shim.testing.__all__)
