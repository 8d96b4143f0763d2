"""What is begun is expected to end in time, and what was held up once is not held against all that follow."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.pace import Pace


def seen(*runs: tuple[int, float]) -> Pace:
    pace = Pace()
    for size, seconds in runs:
        pace.took(size, seconds)
    return pace


def test_the_first_run_is_the_least_and_a_guess_holds_until_then() -> None:
    assert Pace().fitting(1000, 1e-9) == 1
    assert Pace(guess=2.0).fitting(1000, 1.9) == 0
    assert Pace(guess=2.0).fitting(1000, 2.0) == 1
    assert not Pace().known
    assert seen((1, 1.0)).known


@given(fixed=st.floats(0.0, 5.0), each=st.floats(0.01, 1.0), seconds=st.floats(0.0, 500.0), size=st.integers(1, 4096))
def test_a_run_that_fits_takes_no_longer_where_runs_cost_something_and_something_for_each(
    fixed: float, each: float, seconds: float, size: int
) -> None:
    pace = seen((1, fixed + each))
    for _ in range(40):  # it finds larger ones by itself
        fits = pace.fitting(size, seconds)
        if not fits:
            assert fixed + each > seconds
            return
        assert 1 <= fits <= size
        assert fits == 1 or fixed + each * fits <= seconds * (1 + 1e-9)
        pace.took(fits, fixed + each * fits)


@given(each=st.floats(0.01, 1.0), size=st.integers(1, 1024))
def test_where_only_each_counts_all_the_time_that_there_is_gets_used(each: float, size: int) -> None:
    pace = seen((1, each))
    for _ in range(12):
        pace.took(pace.fitting(size, 1.001 * each * size), each * pace.fitting(size, 1.001 * each * size))
    assert pace.fitting(size, 1.001 * each * size) == size


def test_a_run_that_was_held_up_once_does_not_count_and_one_that_is_slow_does() -> None:
    usual = [(8, 1.0)] * 4
    assert seen(*usual, (8, 50.0)).expected(8) == pytest.approx(1.0)
    assert seen(*usual, (8, 50.0), (8, 50.0)).expected(8) == pytest.approx(50.0)


def test_twice_the_size_takes_at_most_twice_as_long_whatever_was_seen_of_it() -> None:
    assert seen((4, 1.0), (64, 1_000.0)).expected(64) == pytest.approx(16.0)


def test_between_two_sizes_it_is_in_between() -> None:
    assert seen((4, 1.0), (8, 1.5)).expected(6) == pytest.approx(1.25)
    assert seen((4, 1.0), (8, 1.5)).fitting(100, 1.25) == 6
