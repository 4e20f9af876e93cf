"""The parts of a page that the bench writes, between marks."""

from __future__ import annotations

NODE, FIGURES = "a node", "figures"  # the parts of docs/performance.md


def replaced(page: str, part: str, written: str) -> str:
    """`page` with `written` in place of what a run before wrote as its `part`.

    Raises ValueError for a page without the part's two marks.
    """
    begin, end = f"<!-- written by make bench: {part} -->", f"<!-- end of {part} -->"
    before, found, rest = page.partition(begin)
    _, closed, after = rest.partition(end)
    if not found or not closed:
        raise ValueError(f"the page has lost the marks around what make bench writes as {part}")
    return f"{before}{begin}\n\n{written}\n{end}{after}"
