import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shim.framework import durations


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        (30, 30),
        ("30", 30),
        ("30s", 30),
        ("1h30m", 5400),
        ("1d", 86400),
        ("1d12h", 129600),
        ("1.5s", 1),
        (1.5, 1),
        ("1.5h", 5400),
        ("500ms", 0),
        ("2000ms", 2),
        ("1500000us", 1),
        ("", 0),
        ("0", 0),
        ("-5m", -300),
        (-5, -5),
        (" 7s ", 7),
        (10**9, 10**9),
    ],
)
def test_what_users_write(written: str | int | float, seconds: int) -> None:
    assert durations.parse(written) == seconds


@pytest.mark.parametrize(
    "written",
    [
        "abc",
        "234....^^^",
        "1x",
        "h",
        "1h 30m",
        "--5s",
        "5s5",
        "1e3s",
        "²s",
        float("inf"),
        float("nan"),
        1e30,
        "9" * 19,
    ],
)
def test_what_is_no_duration(written: str | float) -> None:
    with pytest.raises(ValueError, match=r"duration|292 years"):
        durations.parse(written)


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0, "0s"),
        (1, "1s"),
        (90, "1m30s"),
        (1200, "20m0s"),
        (5400, "1h30m0s"),
        (2764800, "768h0m0s"),
        (-5, "-5s"),
    ],
)
def test_shown_as_go_does(seconds: int, shown: str) -> None:
    assert durations.show(seconds) == shown


@given(st.integers(min_value=0, max_value=durations.LONGEST))
def test_what_is_shown_reads_back(seconds: int) -> None:
    assert durations.parse(durations.show(seconds)) == seconds


@given(st.text())
def test_any_text_is_a_duration_or_a_value_error(text: str) -> None:
    with contextlib.suppress(ValueError):
        assert isinstance(durations.parse(text), int)
