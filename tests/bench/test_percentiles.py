"""A percentile is a latency that occurred, and none that is missing is passed over."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.load.percentiles import Latencies

seconds = st.lists(st.floats(0, 100), min_size=1, max_size=200)


@given(values=seconds, share=st.floats(0, 1))
def test_a_percentile_occurred_and_at_least_its_share_do_not_exceed_it(values: list[float], share: float) -> None:
    found = Latencies.of(values).percentile(share)
    assert found in values
    assert sum(value <= found for value in values) >= share * len(values) - 1e-6
    assert sum(value < found for value in values) <= share * len(values)  # and it is the smallest such


def test_of_a_hundred_the_99th_is_p99_and_the_last_is_the_whole() -> None:
    latencies = Latencies.of(range(1, 101))
    assert (latencies.p50, latencies.p99) == (50.0, 99.0)
    assert (latencies.percentile(0.0), latencies.percentile(1.0)) == (1.0, 100.0)


def test_a_share_that_no_float_holds_exactly_is_not_one_rank_too_high() -> None:
    assert Latencies.of(range(1, 11)).percentile(0.1 + 0.2) == 3.0


@given(first=seconds, second=seconds)
def test_runs_count_together_in_any_order(first: list[float], second: list[float]) -> None:
    together = Latencies.of(first, second)
    assert len(together) == len(first) + len(second)
    assert together == Latencies.of(second, first)


@pytest.mark.parametrize("values", [[], [0.1, math.nan], [0.1, math.inf]])
def test_answers_that_never_came_are_no_latencies(values: list[float]) -> None:
    with pytest.raises(ValueError, match="finite latencies were expected"):
        Latencies.of(values)


def test_a_share_is_not_a_percentage() -> None:
    with pytest.raises(ValueError, match="a share of 0 to 1"):
        Latencies.of([1.0]).percentile(99)
