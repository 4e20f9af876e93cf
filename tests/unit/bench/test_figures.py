import pytest

from bench.contenders import DIAL, LOGIN, OURS, POOLED
from bench.figures import Key, Spread, of_sample, quantile, spread
from bench.load import Sample
from bench.results import Results


@pytest.mark.parametrize(
    ("share", "value"), [(0.01, 1), (0.5, 50), (0.95, 95), (0.99, 99), (1.0, 100)]
)
def test_a_quantile_is_the_nearest_rank(share: float, value: float) -> None:
    assert quantile(list(range(1, 101)), share) == value


def test_the_quantile_of_one_value_is_that_value() -> None:
    assert quantile([7.0], 0.99) == 7.0


def test_a_spread_is_the_median_and_its_quartiles() -> None:
    assert spread([5, 1, 4, 2, 3]) == Spread(2, 3, 4)
    assert spread([5]) == Spread(5, 5, 5)


def test_a_sample_gives_milliseconds_a_rate_and_cpu_a_request() -> None:
    sample = Sample(
        latencies=[0.004, 0.001, 0.002, 0.003],
        seconds=0.5,
        cpu=[0.002, 0.004, 0.0],
        errors={"503 Service Unavailable": 1},
    )
    figures = of_sample(sample)
    assert (figures.p50, figures.p95, figures.p99) == (2.0, 4.0, 4.0)
    assert figures.rate == 8.0
    assert (figures.plugin_cpu, figures.server_cpu, figures.pachd_cpu) == (0.5, 1.0, 0.0)
    assert (figures.requests, figures.errors) == (4, 1)


def test_a_ratio_is_taken_round_by_round(results: Results) -> None:
    """The second round is twice as slow for all: no ratio shows it."""
    ours, dial = Key(OURS, LOGIN, 1), Key(DIAL, LOGIN, 1)
    assert results.openbao.simulator.ratio(ours, dial, "p50") == Spread(0.5, 0.5, 0.5)
    assert results.openbao.simulator.of(ours, "p50") == Spread(1.25, 1.5, 1.75)


def test_a_ratio_of_unlike_rounds_is_refused(results: Results) -> None:
    more = Key(POOLED, LOGIN, 1)
    results.openbao.simulator.add(
        more, of_sample(Sample(latencies=[0.1], seconds=1.0, cpu=[0.0, 0.0, 0.0], errors={}))
    )
    with pytest.raises(ValueError, match="argument"):
        results.openbao.simulator.ratio(Key(OURS, LOGIN, 1), more, "p50")
