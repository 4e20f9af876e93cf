import dataclasses
import json
import re
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from bench import growth_plot, machine, node, plot, report
from bench.build import SOURCES
from bench.contenders import OPERATIONS, OURS
from bench.results import Results


def tables(page: str) -> list[list[list[str]]]:
    """The cells of every table, its head first."""
    found: list[list[list[str]]] = []
    inside = False
    for line in page.splitlines():
        if not line.startswith("| "):
            inside = False
            continue
        if not inside:
            found.append([])
        inside = True
        found[-1].append([cell.strip() for cell in line.strip("|").split("|")])
    return found


def test_the_page_shows_every_operation_and_verdict(results: Results) -> None:
    page = report.page(results, [("machine", "two cores")])
    for operation in OPERATIONS:
        assert f"## `{operation}`" in page
    assert "| machine | two cores |" in page
    assert "| server | OpenBao v2.7.2 |" in page
    assert page.count("**missed**") == 2 * 6  # 1.25x is too much but for p99, twice the time no
    assert "0 errors" in page
    assert "takes 60 ms of CPU" in page  # the pace, a median


@pytest.mark.parametrize("write", [node.page, lambda results: report.page(results, [])])
def test_every_row_of_a_table_has_as_many_cells_as_its_head(
    results: Results, write: object
) -> None:
    assert callable(write)
    found = tables(write(dataclasses.replace(results, vault=results.openbao)))
    assert len(found) >= 3
    for head, *rows in found:
        assert rows
        assert {len(row) for row in rows} == {len(head)}


def test_vault_has_its_own_tables_where_it_was_measured(results: Results) -> None:
    without = report.page(results, [])
    assert "Not measured in this run: `VAULT_BIN` named no Vault" in without
    vault = dataclasses.replace(results.openbao, product="Vault v1.21.4 (abc)")
    measured = report.page(dataclasses.replace(results, vault=vault), [])
    assert "Not measured" not in measured
    _, _, after = measured.partition("on Vault v1.21.4 (abc)")
    ratios, at_simulator, at_stand_in, *_ = tables(after)
    assert ratios[2][:3] == ["login p50 to go-pooled's, 1 at once", "<= 1.03x", "1.25x"]
    assert at_simulator[2][:2] == at_stand_in[2][:2] == ["1", OURS]
    assert len(tables(measured)) == len(tables(without)) + 3
    assert "1,800 errors" not in measured  # what is counted: both servers' requests
    assert requests(measured) == 2 * requests(without)


def requests(page: str) -> int:
    found = re.search(r"([\d,]+) requests through them", page)
    assert found
    return int(found[1].replace(",", ""))


def test_a_node_is_told_of_in_what_it_serves_and_what_that_costs(results: Results) -> None:
    page = node.page(results)
    logins, mounts, leases = tables(page)
    # figures_of: two rounds of 4 and 8 ms, 250 and 125 logins/s, 4 ms of CPU in the plugin, 1
    # in the server; 4 ms times 187.5/s keep three quarters of a core busy
    assert "serves up to 188 logins a second" in page
    assert "costs the plugin 4 ms of CPU and the server 1 ms" in page
    assert logins[3] == [*("integrated, on disk", "16", "188", "6", "18", "4", "1", "0.75", "0.19")]
    assert [row[0] for row in logins[2:]] == ["integrated, on disk"] * 3 + ["in memory"] * 3
    assert [row[0] for row in mounts[2:]] == ["1", "10", "100", "1,000"]
    assert mounts[-1][1:3] == ["1", "120.0"]
    assert [row[:3] for row in leases[2:]] == [
        ["1,000", "30.0", "10.0"],
        ["100,000", "30.0", "1,000.0"],
    ]


def test_the_plots_are_svg_with_a_line_for_everybody(results: Results) -> None:
    for drawn, lines_of in (
        (
            plot.svg(results.openbao.simulator),
            2 * (4 * len(OPERATIONS) + 1),
        ),  # the bare call logs in
        (growth_plot.svg(results), 4 * 2 + 4),  # ours and go-single by mounts, ours by leases
    ):
        drawing = ET.fromstring(drawn)
        width, height = (float(drawing.attrib[name]) for name in ("width", "height"))
        lines = drawing.findall("{*}polyline")
        assert len(lines) == lines_of
        for line in lines:
            for x, y in re.findall(r"([\d.-]+),([\d.-]+)", line.attrib["points"]):
                assert 0 <= float(x) <= width
                assert 0 <= float(y) <= height


def test_a_line_of_the_growth_has_a_point_for_each_count(results: Results) -> None:
    lines = ET.fromstring(growth_plot.svg(results)).findall("{*}polyline")
    assert [line.attrib["points"].count(",") for line in lines] == [4, 3] * 4 + [2] * 4


@pytest.mark.parametrize(
    ("begins", "told"),
    [(b"\x7fELF", "an executable of 0.0 MB"), (b"#!/bin/echo\n", "a zip, run by Python")],
)
def test_the_plugin_is_described_by_its_bill_of_materials(
    tmp_path: Path, begins: bytes, told: str
) -> None:
    plugin = tmp_path / "plugin"
    plugin.write_bytes(begins)
    bill = {"components": [{"name": "openssl", "version": "3.0.22"}]}
    (tmp_path / "plugin.cdx.json").write_text(json.dumps(bill))
    described = dict(machine.described(plugin, SOURCES / "go.mod"))
    assert described["the plugin"].startswith(told)
    assert described["in the plugin"] == "openssl 3.0.22"
    assert "google.golang.org/grpc v" in described["Go modules"]


def test_the_pace_is_a_time_of_cpu() -> None:
    assert 0 < machine.pace() < 10
