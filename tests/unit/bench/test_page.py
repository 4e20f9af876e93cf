import pytest

from bench.__main__ import PAGE
from bench.page import FIGURES, NODE, replaced

WRITTEN = """prose
<!-- written by make bench: a node -->
old
<!-- end of a node -->
more prose
<!-- written by make bench: figures -->
old
<!-- end of figures -->
"""


def test_a_part_replaces_what_was_written_before_and_nothing_else() -> None:
    after = replaced(WRITTEN, FIGURES, "new\n")
    assert after == WRITTEN.removesuffix("old\n<!-- end of figures -->\n") + (
        "\nnew\n\n<!-- end of figures -->\n"
    )
    assert replaced(after, FIGURES, "new\n") == after


@pytest.mark.parametrize("lost", ["written by make bench: a node", "end of a node"])
def test_a_page_without_marks_is_not_written_over(lost: str) -> None:
    with pytest.raises(ValueError, match="marks around what make bench writes as a node"):
        replaced(WRITTEN.replace(lost, ""), NODE, "figures")


@pytest.mark.parametrize("part", [NODE, FIGURES])
def test_our_page_has_the_marks(part: str) -> None:
    assert "\n\nfound\n<!-- end" in replaced(PAGE.read_text(), part, "found")
