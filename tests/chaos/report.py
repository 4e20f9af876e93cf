"""Writes the figures of the last full run into docs/reliability.md.

Between the two markers stands what is made here, and nothing else is touched.
"""

from __future__ import annotations

from pathlib import Path

from tests.chaos.record import Record, records
from tests.chaos.scenarios import SCENARIOS, Size

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reliability.md"
BEGIN = "<!-- made by make chaos: begin -->\n"
END = "<!-- made by make chaos: end -->\n"
HEAD = (
    "| what was done | how often | answered | refused | lost | may be lost |\n"
    "|---|---|---|---|---|---|\n"
)


def row(record: Record) -> str:
    """One scenario."""
    scenario = SCENARIOS[record.scenario]
    lost = "; ".join(f"{number:,} × {kind}" for kind, number in record.losses.items()) or "0"
    figures = f"{record.trials:,} {scenario.unit} | {record.answered:,} | {record.refused:,}"
    return f"| {scenario.tried} | {figures} | {lost} | {scenario.promise.value} |\n"


def remarks(record: Record) -> str:
    """What else was counted, as a line of a list."""
    return f"- {SCENARIOS[record.scenario].tried}: {' '.join(record.notes)}\n"


def made(found: list[Record]) -> str:
    """All that stands between the markers."""
    noted = [record for record in found if record.notes]
    return HEAD + "".join(map(row, found)) + "\n" + "".join(map(remarks, noted))


def main() -> None:
    page = PAGE.read_text()
    before, _, rest = page.partition(BEGIN)
    _, found, after = rest.partition(END)
    if not found:
        raise SystemExit(f"{PAGE.name} has lost its markers")
    PAGE.write_text(before + BEGIN + made(list(records(Size.FULL))) + END + after)
    print(f"wrote {PAGE.name}")


if __name__ == "__main__":
    main()
