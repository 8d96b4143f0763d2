"""The seasonal naive, against series made by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.evaluation.baselines import seasonal_naive, seasonally_filled

NAN = float("nan")


def test_the_last_season_comes_again_and_again() -> None:
    history = np.array([1.0, 2.0, 3.0, 4.0, 5.0, 6.0])
    forecast = seasonal_naive(history, np.array([5]), horizon=7, season=3)
    assert forecast.tolist() == [[4, 5, 6, 4, 5, 6, 4]]


def test_a_season_of_one_is_the_last_value() -> None:
    assert seasonal_naive(np.array([1.0, 9.0]), np.array([0, 1]), 2, 1).tolist() == [[1, 1], [9, 9]]


def test_a_missing_reading_is_replaced_by_the_one_a_season_earlier() -> None:
    history = np.array([1.0, 2.0, 3.0, 4.0, NAN, 6.0])
    assert seasonal_naive(history, np.array([5]), 3, 3).tolist() == [[4, 2, 6]]


def test_where_no_season_is_known_there_is_no_forecast() -> None:
    forecast = seasonal_naive(np.array([5.0, NAN]), np.array([1]), 3, 3)
    assert np.isnan(forecast[0]).tolist() == [True, False, True]
    assert forecast[0, 1] == 5


@given(st.integers(1, 30), st.integers(1, 9), st.integers(1, 20), st.integers(0, 999))
def test_a_forecast_knows_nothing_after_its_origin(length: int, season: int, horizon: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    history = np.where(random.random(length + 5) < 0.2, NAN, random.normal(size=length + 5))
    origin = np.array([length - 1])
    altered = history.copy()
    altered[length:] = 1e9
    np.testing.assert_array_equal(
        seasonal_naive(history, origin, horizon, season), seasonal_naive(altered, origin, horizon, season)
    )


def test_filling_keeps_what_is_known() -> None:
    assert seasonally_filled(np.array([NAN, 2.0, 3.0, NAN]), 2) == pytest.approx([NAN, 2.0, 3.0, 2.0], nan_ok=True)
