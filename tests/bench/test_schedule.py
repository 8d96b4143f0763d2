"""When frames are meant to be sent does not depend on what became of those before."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.load.schedule import SCHEDULES, by_chance, evenly

rates = st.floats(0.5, 5_000)
lengths = st.floats(0, 5)


@given(rate=rates, seconds=lengths)
@pytest.mark.parametrize("name", SCHEDULES)
def test_arrivals_ascend_within_the_seconds(name: str, rate: float, seconds: float) -> None:
    arrivals = SCHEDULES[name](rate, seconds)
    assert (np.diff(arrivals) >= 0).all()
    assert ((arrivals >= 0) & (arrivals <= seconds)).all()


def test_even_arrivals_are_as_many_as_the_rate_says_at_equal_distances() -> None:
    assert evenly(4.0, 1.0).tolist() == [0.0, 0.25, 0.5, 0.75]
    assert len(evenly(3.0, 0.1 + 0.2 + 0.7)) == 3  # whose sum is a little less than 1


def test_arrivals_by_chance_keep_the_rate_and_come_in_clusters() -> None:
    arrivals = by_chance(1_000.0, 20.0, seed=1)
    gaps = np.diff(arrivals)
    assert len(arrivals) == pytest.approx(20_000, rel=0.03)
    assert gaps.std() == pytest.approx(gaps.mean(), rel=0.05)  # as of an exponential distribution


def test_the_same_seed_is_the_same_schedule() -> None:
    assert np.array_equal(by_chance(100.0, 3.0, seed=7), by_chance(100.0, 3.0, seed=7))
    assert not np.array_equal(by_chance(100.0, 3.0, seed=7)[:50], by_chance(100.0, 3.0, seed=8)[:50])


@pytest.mark.parametrize(("rate", "seconds"), [(0.0, 1.0), (-1.0, 1.0), (1.0, -1.0), (float("nan"), 1.0)])
@pytest.mark.parametrize("name", SCHEDULES)
def test_a_rate_of_nothing_is_refused(name: str, rate: float, seconds: float) -> None:
    with pytest.raises(ValueError, match="a rate above 0"):
        SCHEDULES[name](rate, seconds)
