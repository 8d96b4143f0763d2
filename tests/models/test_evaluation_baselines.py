"""The simple baselines, against series made by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.evaluation.baselines import BASELINES, baselines_of, drift, last_value, mean, seasonal_mean, seasonal_naive

NAN = float("nan")


def test_the_last_value_is_the_last_one_known() -> None:
    history = np.array([NAN, 2.0, 3.0, NAN])
    assert last_value(history, np.array([1, 3]), 2).tolist() == [[2, 2], [3, 3]]
    assert np.isnan(last_value(history, np.array([0]), 2)).all()


def test_drift_goes_on_as_fast_as_it_went_so_far() -> None:
    history = np.array([NAN, 1.0, 7.0, 5.0, NAN, 0.0])
    assert drift(history, np.array([3]), 3).tolist() == [[7, 9, 11]]
    assert drift(history, np.array([4]), 2).tolist() == [[9, 11]]  # from where the last reading known stood
    assert drift(history, np.array([1]), 2).tolist() == [[1, 1]]
    assert np.isnan(drift(np.full(3, NAN), np.array([2]), 2)).all()


def test_a_mean_is_that_of_the_readings_known() -> None:
    history = np.arange(60.0)
    history[58] = NAN
    assert mean(history, np.array([59]), 2, 30).tolist() == [[pytest.approx((sum(range(30, 60)) - 58) / 29)] * 2]
    assert mean(history, np.array([59]), 1, 2).tolist() == [[pytest.approx((sum(range(36, 60)) - 58) / 23)]]
    assert mean(np.array([5.0, *[NAN] * 40]), np.array([40]), 1, 24).tolist() == [[5]]


def test_a_seasonal_mean_is_that_of_the_same_place_in_the_last_seasons() -> None:
    history = np.array([9.0, 9.0, 1.0, 2.0, 3.0, NAN, 5.0, 6.0, 7.0, 8.0])
    assert seasonal_mean(history, np.array([9]), 3, 2).tolist() == [[4, 16 / 3, 4]]
    assert seasonal_mean(history, np.array([1]), 2, 2).tolist() == [[9, 9]]


@pytest.mark.parametrize("name", BASELINES)
@given(st.integers(1, 60), st.integers(2, 9), st.integers(1, 20), st.integers(0, 999))
def test_a_forecast_knows_nothing_after_its_origin(
    name: str, length: int, season: int, horizon: int, seed: int
) -> None:
    random = np.random.default_rng(seed)
    history = np.where(random.random(length + 5) < 0.2, NAN, random.normal(size=length + 5))
    history[0] = 1.0
    altered = history.copy()
    altered[length:] = 1e9
    forecast, origin = baselines_of((season,))[name].forecast, np.array([length - 1])
    found = forecast(history, origin, horizon)
    assert found.shape == (1, horizon)
    np.testing.assert_array_equal(found, forecast(altered, origin, horizon))


def test_what_a_seasonal_naive_is_already_is_not_made_twice() -> None:
    assert set(baselines_of((24, 168))) == set(BASELINES)
    assert set(baselines_of((1,))) == {"drift", "mean"}
    history = np.array([3.0, 1.0, 2.0])
    assert seasonal_naive(history, np.array([2]), 2, 1).tolist() == last_value(history, np.array([2]), 2).tolist()
