"""Choosing a part of a forecast: horizon, levels, median."""

from __future__ import annotations

import numpy as np
import pytest

from service.api.forecasts import Levels
from service.errors import HorizonTooLong, InvalidValue, UnknownQuantile

FORECAST = np.arange(2 * 4 * 3, dtype=np.float64).reshape(2, 4, 3)  # (rows, horizon, quantiles)


def test_a_selection_cuts_columns_in_the_order_asked() -> None:
    medians, levels = Levels(4, [0.1, 0.5, 0.9]).select(2, [0.9, 0.1]).cut(FORECAST)
    assert medians == FORECAST[:, :2, 1].tolist()
    assert levels == [[row[:2, 2].tolist(), row[:2, 0].tolist()] for row in FORECAST]


def test_no_rows_are_cut_to_no_rows() -> None:
    assert Levels(4, [0.1, 0.5, 0.9]).all.cut(FORECAST[:0]) == ([], [])


@pytest.mark.parametrize(
    ("quantiles", "expected"),
    [
        ([0.1, 0.5, 0.9], 1.0),
        ([0.25, 0.75, 0.9], 0.5),
        ([0.9, 0.75, 0.25], 1.5),
        ([0.6, 0.7, 0.8], 0.0),
        ([0.1, 0.2, 0.3], 2.0),
    ],
)
def test_the_median_lies_between_the_levels_beside_it(quantiles: list[float], expected: float) -> None:
    medians, _ = Levels(4, quantiles).all.cut(np.array([[[0.0, 1.0, 2.0]] * 4]))
    assert medians[0] == pytest.approx([expected] * 4)


def test_levels_are_matched_as_numbers_and_written_as_trained() -> None:
    assert Levels(4, [0.1, 0.3]).select(None, [0.1 + 0.2]).names == ("0.3",)


@pytest.mark.parametrize(
    ("horizon", "quantiles", "error"),
    [
        (5, None, HorizonTooLong),
        (0, None, InvalidValue),
        (-1, None, InvalidValue),
        (1, [0.2], UnknownQuantile),
        (1, [0.1, 0.1], InvalidValue),
    ],
)
def test_what_was_not_trained_is_refused(horizon: int, quantiles: list[float] | None, error: type[Exception]) -> None:
    with pytest.raises(error):
        Levels(4, [0.1, 0.5]).select(horizon, quantiles)
