"""Where training ends and the held-out end begins."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from datasets.frequency import Frequency
from datasets.split import require_context, split
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


def test_a_series_shorter_than_one_context_is_refused_by_name() -> None:
    with pytest.raises(
        DataError, match=r"series 's1': expected at least one context of 96 steps, got 95 \(2 series"
    ) as e:
        require_context(table(96, 95, 3), 96)
    assert "leave the short ones out" in str(e.value)
    require_context(table(96, 97), 96)


def test_a_horizon_or_a_number_of_steps_below_its_least_is_refused() -> None:
    with pytest.raises(ValueError, match="horizon of at least one step"):
        split(table(100), horizon=0)
    with pytest.raises(ValueError, match="validation steps of at least 0, got -1"):
        split(table(100), horizon=1, validation_steps=-1)
