"""What must be done about a lease when, with times made up."""

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pachyderm_vault.life import (
    FIRST_PAUSE,
    LONGEST_PAUSE,
    STARVING_PAUSE,
    Life,
    Need,
    Patience,
    margin,
    share,
)

seconds = st.floats(1, 1e7)
shares = st.floats(0, 1).map(lambda one: share(lambda: one))


def life(lasts: float = 100, *, renewable: bool = True, first: float = 100) -> Life:
    return Life(0, lasts, first, renewable, 0.5)


@pytest.mark.parametrize(
    ("held", "now", "need"),
    [
        (life(), 49, Need.NOTHING),
        (life(), 50, Need.RENEWAL),
        (life(), 99, Need.RENEWAL),
        (life(), 100, Need.ANOTHER),  # over
        (life(renewable=False), 49, Need.NOTHING),
        (life(renewable=False), 50, Need.ANOTHER),
        (life(51), 1, Need.NOTHING),
        (life(50), 1, Need.ANOTHER),  # the renewal gave half: its longest life draws near
        (life(math.inf, first=math.inf), 1e9, Need.NOTHING),
    ],
)
def test_a_life_needs_something_in_time(held: Life, now: float, need: Need) -> None:
    assert held.need(now) is need


@given(seconds, shares)
def test_there_is_as_much_time_to_renew_as_a_token_is_given_out_for_after_it(
    lasts: float, part: float
) -> None:
    held = Life(0, lasts, lasts, True, part)
    assert held.due >= lasts / 2
    assert lasts - margin(lasts, math.inf) - held.due >= 0.29 * lasts


def test_a_thousand_do_not_ask_at_once() -> None:
    rng = random.Random(1)
    due = sorted(Life(0, 600, 600, True, share(rng.random)).due for _ in range(1000))
    assert due[0] >= 300
    assert due[-1] <= 360
    tenth = [sum(300 + 6 * n <= one < 306 + 6 * n for one in due) for n in range(10)]
    assert min(tenth) > 50


def test_a_token_is_not_given_out_near_its_end() -> None:
    assert margin(4, math.inf) == pytest.approx(0.4)
    assert margin(3600, 86400) == 30
    assert margin(3600, 4) == pytest.approx(0.4)  # it hangs on a Vault token of 4 s


@given(st.lists(st.booleans(), max_size=40), st.floats(0, 1))
def test_pauses_grow_up_to_a_bound_and_begin_anew_after_a_success(
    starving: list[bool], one: float
) -> None:
    patience = Patience(lambda: one)
    now = 0.0
    for hungry in starving:
        patience.failed(now, starving=hungry)
        pause = patience.until - now
        assert FIRST_PAUSE / 2 <= pause <= (STARVING_PAUSE if hungry else LONGEST_PAUSE)
        now = patience.until
    patience.hurry(now)
    assert patience.until <= now + STARVING_PAUSE
    patience.succeeded()
    assert patience.until == -math.inf
    patience.failed(now, starving=False)
    assert patience.until - now <= FIRST_PAUSE


@given(
    st.floats(2, 1000),
    st.floats(1, 5000),
    st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=50, max_size=200),
    shares,
)
def test_a_life_looked_after_is_never_over_while_vault_answers(
    ttl: float, longest: float, moments: list[tuple[float, bool]], part: float
) -> None:
    """A host that grants `ttl` up to `longest` after the login, looked at whenever it is due."""
    born, now = 0.0, 0.0
    held = Life(0, min(ttl, longest), min(ttl, longest), True, part)
    for late, slow in moments:
        now = max(now, held.due) + late * 0.1 * held.seconds  # noticed a little later
        took = 0.05 * held.seconds if slow else 0.0
        assert now < held.ends
        need = held.need(now)
        if need is Need.RENEWAL:
            granted = min(ttl, born + longest - now)
            if granted > 0:
                held = held.renewed(now, granted, True, random.Random(late).random)
        if held.need(now) is Need.ANOTHER:
            born = now
            held = Life(now, min(ttl, longest), min(ttl, longest), True, part)
        now += took
        assert now < held.ends
