"""Where training ends and the held-out end begins."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from datasets.frequency import Frequency
from datasets.split import require_context, split, without_short
from datasets.table import DataError, Series, SeriesTable


def table(*lengths: int) -> SeriesTable:
    series = tuple(Series(f"s{i}", 0, np.zeros((length, 1))) for i, length in enumerate(lengths))
    return SeriesTable("data.csv", Frequency("count", 1), None, "y", (), series, ())


def test_a_tenth_of_the_median_length_is_held_out_twice() -> None:
    cut = split(table(1000), horizon=24)
    assert (cut.train_end.tolist(), cut.validation_end.tolist()) == ([800], [900])


def test_the_held_out_end_holds_a_whole_horizon_where_a_tenth_does_not() -> None:
    cut = split(table(200), horizon=48)
    assert (cut.train_end.tolist(), cut.validation_end.tolist()) == ([104], [152])


@given(st.lists(st.integers(12, 3000), min_size=1, max_size=5), st.integers(1, 3))
def test_training_keeps_at_least_half_of_every_series(lengths: list[int], horizon: int) -> None:
    cut = split(table(*lengths), horizon)
    sizes = np.array(lengths)
    assert (2 * cut.train_end >= sizes).all()
    assert (cut.train_end <= cut.validation_end).all()
    assert (cut.validation_end <= sizes).all()


def test_steps_that_are_given_are_kept() -> None:
    cut = split(table(100, 50), horizon=4, test_steps=20, validation_steps=0)
    assert cut.validation_end.tolist() == [80, 30]
    assert cut.train_end.tolist() == [80, 30]


def test_a_series_that_leaves_nothing_to_train_on_is_refused_by_name() -> None:
    with pytest.raises(DataError, match=r"data\.csv, series 's1': expected at least 25 steps .* got 12 of its 20") as e:
        split(table(1000, 20), horizon=24, test_steps=4, validation_steps=4)
    assert "fewer steps for validation and test" in str(e.value)


@pytest.mark.parametrize(("lengths", "test_steps"), [((29,), None), ((500, 400), 5)])
def test_a_held_out_end_too_short_for_one_horizon_is_refused(lengths: tuple[int, ...], test_steps: int | None) -> None:
    with pytest.raises(DataError, match=r"data\.csv: expected a horizon of 12 steps held out .*, got at most [57]:"):
        split(table(*lengths), horizon=12, test_steps=test_steps)
    split(table(*lengths, 200), horizon=12, test_steps=None)


def test_series_that_are_all_shorter_than_one_context_are_refused_with_the_longest_by_name() -> None:
    with pytest.raises(DataError, match=r"one context of 96 steps in one series, the longest, 's1', has 95: "):
        require_context(table(3, 95, 94), 96)
    require_context(table(96, 3), 96)


def test_series_too_short_to_train_on_are_left_out_with_a_warning_and_keep_nobody_from_training() -> None:
    before = table(1000, 20, 900, 3)
    left = without_short(before, horizon=24)
    assert [series.unique_id for series in left.series] == ["s0", "s2"]
    (warning,) = left.warnings
    assert warning.startswith("data.csv: 2 of 4 series are too short to train on")
    assert "such as 's1' of 20 steps" in warning
    split(left, horizon=24)
    assert without_short(table(1000, 200), horizon=24).warnings == ()


def test_where_all_are_too_short_none_is_left_out_and_the_split_says_why() -> None:
    assert len(without_short(table(20, 30), horizon=24).series) == 2
    with pytest.raises(DataError, match="expected at least 25 steps to train on"):
        split(without_short(table(20, 30), horizon=24), horizon=24)


@given(st.lists(st.integers(1, 400), min_size=1, max_size=8), st.integers(1, 40))
def test_what_is_not_left_out_can_be_split(lengths: list[int], horizon: int) -> None:
    left = without_short(table(*lengths), horizon)
    if left.warnings:
        cut = split(left, horizon, test_steps=None) if max(map(len, left.series)) >= 4 * horizon else None
        assert cut is None or (cut.train_end >= horizon + 1).all()


def test_a_horizon_or_a_number_of_steps_below_its_least_is_refused() -> None:
    with pytest.raises(ValueError, match="horizon of at least one step"):
        split(table(100), horizon=0)
    with pytest.raises(ValueError, match="validation steps of at least 0, got -1"):
        split(table(100), horizon=1, validation_steps=-1)
