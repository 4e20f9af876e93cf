import dataclasses
import re
from xml.etree import ElementTree as ET

import pytest

from bench import plot, report, targets
from bench.__main__ import PAGE
from bench.contenders import OPERATIONS, OURS
from bench.footprint import Growth
from bench.results import Results


def test_a_target_is_met_or_missed_by_its_median(results: Results) -> None:
    found = {v.what: v.met for v in targets.of_logins(results.simulator)}
    assert found["login p50 to go-dial's, 16 at once"]  # 0.5x, to be at most 0.6x
    assert found["login rate to go-dial's, 1 at once"]  # 2x, to be at least 1.5x
    assert not found["login p50 to go-pooled's, 1 at once"]  # 1.25x, to be at most 1.15x
    assert not found["login rate to go-pooled's, 16 at once"]  # 0.8x, to be at least 0.85x
    assert found["login CPU to go-pooled's, 16 at once"]  # 1.25x, to be at most 1.5x
    assert found["login p99 to go-pooled's, 1 at once"]
    assert len(found) == 12


def test_start_memory_and_growth_have_their_targets(results: Results) -> None:
    assert [v.met for v in targets.of_footprint(results)] == [True] * 4
    first, last = results.growth[OURS]
    leaking = Growth(
        requests=last.requests, resident=last.resident * 2, descriptors=14, seconds=60.0
    )
    worse = dataclasses.replace(results, growth={OURS: [first, leaking]})
    assert [v.met for v in targets.of_footprint(worse)] == [True, True, False, False]


def test_the_page_shows_every_operation_and_verdict(results: Results) -> None:
    page = report.page(results, [("machine", "two cores")])
    for operation in OPERATIONS:
        assert f"## `{operation}`" in page
    assert "| machine | two cores |" in page
    assert page.count("**missed**") == 4 + 4  # at the simulator, at the stand-in
    assert "0 errors" in page
    columns = {line.count("|") for line in page.splitlines() if line.startswith("| 16 |")}
    assert columns == {13}  # as many as the heads


def test_the_page_replaces_what_was_written_before_and_nothing_else(results: Results) -> None:
    written = report.page(results, [])
    before = f"prose\n{report.BEGIN}\nold\n{report.END}\nmore prose\n"
    after = report.replaced(before, written)
    assert after == f"prose\n{report.BEGIN}\n\n{written}\n{report.END}\nmore prose\n"
    assert report.replaced(after, written) == after


def test_a_page_without_marks_is_not_written_over() -> None:
    with pytest.raises(ValueError, match="marks"):
        report.replaced("prose", "figures")


def test_our_page_has_the_marks() -> None:
    page = PAGE.read_text()
    assert report.replaced(page, "figures") != page


def test_the_plot_is_an_svg_with_a_line_for_everybody(results: Results) -> None:
    drawing = ET.fromstring(plot.svg(results.simulator))
    lines = drawing.findall("{*}polyline")
    assert len(lines) == 2 * (4 * len(OPERATIONS) + 1)  # p50 and rate; the bare call logs in only
    for line in lines:
        for x, y in re.findall(r"([\d.-]+),([\d.-]+)", line.attrib["points"]):
            assert 0 <= float(x) <= plot.WIDTH
            assert 0 <= float(y) <= plot.HEIGHT
