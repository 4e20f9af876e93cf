import dataclasses

import pytest

from bench import targets
from bench.contenders import OURS
from bench.footprint import Growth, Start
from bench.results import Results

MEGABYTE = 1_000_000


def test_the_issue_s_ratios_are_all_judged_and_no_other(results: Results) -> None:
    judged = [
        (at_simulator.what, at_simulator.relation, at_simulator.limit, at_stand_in)
        for at_simulator, at_stand_in in targets.of_ratios(results.openbao)
    ]
    assert len(judged) == 2 * 9
    assert [
        (what, limit, at_stand_in and at_stand_in.limit)
        for what, _, limit, at_stand_in in judged
        if what.startswith("login p50 to go-pooled's")
    ] == [
        ("login p50 to go-pooled's, 1 at once", 1.03, 1.05),
        ("login p50 to go-pooled's, 16 at once", 1.05, 1.10),
    ]
    assert [(what, limit) for what, _, limit, at_stand_in in judged if not at_stand_in] == [
        ("renew p50 to go-pooled's, 1 at once", 1.10),
        ("renew p50 to go-pooled's, 16 at once", 1.10),
        ("revoke p50 to go-pooled's, 1 at once", 1.05),
        ("revoke p50 to go-pooled's, 16 at once", 1.10),
        ("config read p50 to go-pooled's, 1 at once", 1.05),
        ("config read p50 to go-pooled's, 16 at once", 1.10),
        ("version/client-only p50 to go-pooled's, 1 at once", 1.05),
        ("version/client-only p50 to go-pooled's, 16 at once", 1.10),
        ("login p50 to go-dial's, 1 at once", 0.8),
        ("login p50 to go-dial's, 16 at once", 0.65),
        ("login rate to go-dial's, 1 at once", 1.25),
        ("login rate to go-dial's, 16 at once", 1.5),
    ]
    assert [what for what, relation, _, _ in judged if relation == ">="] == [
        "login rate to go-dial's, 1 at once",
        "login rate to go-dial's, 16 at once",
    ]


def test_a_ratio_is_met_or_missed_by_its_median(results: Results) -> None:
    """Ours takes 1.25 times the pooled Go plugin's time and CPU, half of what dialling takes."""
    met = {at.what: at.met for at, _ in targets.of_ratios(results.openbao)}
    assert not met["login p50 to go-pooled's, 1 at once"]
    assert not met["login CPU to go-pooled's, 16 at once"]
    assert not met["renew p50 to go-pooled's, 16 at once"]
    assert met["login p99 to go-pooled's, 1 at once"]
    assert met["login p50 to go-dial's, 16 at once"]
    assert met["login rate to go-dial's, 16 at once"]
    assert all(at.met for _, at in targets.of_ratios(results.openbao) if at)  # all alike there


@pytest.mark.parametrize(
    ("changes", "met"),
    [
        ({}, [True, True, True, True, True]),
        (
            {"starts": {OURS: [Start(seconds=0.1, cpu=0.101, resident=37 * MEGABYTE)]}},
            [False, False, True, True, True],
        ),
        (
            {
                "growth": {
                    OURS: [
                        Growth(requests=1, resident=46 * MEGABYTE, descriptors=13, seconds=1.0),
                        Growth(requests=2, resident=49 * MEGABYTE, descriptors=14, seconds=2.0),
                    ]
                }
            },
            [True, True, True, False, False],
        ),
    ],
    ids=["as small as asked", "a heavy start", "a leak"],
)
def test_start_memory_and_growth_have_their_targets(
    results: Results, changes: dict[str, object], met: list[bool]
) -> None:
    found = dataclasses.replace(results, **changes)  # type: ignore[arg-type]
    assert [verdict.met for verdict in targets.of_footprint(found)] == met


def test_the_memory_of_mounts_is_judged_at_a_hundred(results: Results) -> None:
    """More are shown, and not judged."""
    heavy = [dataclasses.replace(one, resident=61 * MEGABYTE) for one in results.mounts[OURS]]
    *fewer, thousand = results.mounts[OURS]
    for counts, met in ((heavy, False), ([*fewer, heavy[-1]], True), ([*fewer, thousand], True)):
        found = dataclasses.replace(results, mounts={OURS: counts})
        (verdict,) = (v for v in targets.of_footprint(found) if "100 mounts" in v.what)
        assert verdict.met is met
