from hypothesis import given
from hypothesis import strategies as st

from shim import Cap, clamp

DAY = 86400


def test_under_every_cap_nothing_changes() -> None:
    assert clamp(60, [Cap(60, "a"), Cap(0, "none"), Cap(DAY, "b")]) == (60, [])


def test_the_lowest_cap_wins_and_is_named() -> None:
    ttl, warnings = clamp(2 * DAY, [Cap(DAY, "config's max_ttl"), Cap(3600, "the mount's")])
    assert ttl == 3600
    assert warnings == ["TTL of 48h0m0s exceeded the mount's of 1h0m0s; capped to 1h0m0s"]


def test_no_caps() -> None:
    assert clamp(5, []) == (5, [])


@given(st.integers(1, 10**9), st.lists(st.integers(0, 10**9)))
def test_never_above_a_cap_never_raised(asked: int, limits: list[int]) -> None:
    ttl, warnings = clamp(asked, [Cap(limit, "x") for limit in limits])
    assert ttl <= asked
    assert all(ttl <= limit for limit in limits if limit)
    assert bool(warnings) == (ttl != asked)
