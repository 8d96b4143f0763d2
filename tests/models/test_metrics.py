"""The error measures, against values worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.evaluation.metrics import Tally, interval_score, relative, seasonal_scale

POINT = (0.5,)


def point(*values: float) -> np.ndarray:
    """One origin's point forecasts, (1, horizon, 1)."""
    return np.array(values)[None, :, None]


def test_the_seasonal_scale_is_the_mean_difference_one_season_apart() -> None:
    assert seasonal_scale(np.array([1.0, 2.0, 4.0, 8.0]), 2) == pytest.approx((3 + 6) / 2)


def test_the_seasonal_scale_passes_over_missing_readings() -> None:
    assert seasonal_scale(np.array([1.0, np.nan, 4.0, 8.0]), 2) == pytest.approx(3)


def test_a_history_shorter_than_a_season_has_no_scale() -> None:
    assert np.isnan(seasonal_scale(np.array([1.0, 2.0]), 24))
    assert np.isnan(seasonal_scale(np.full(48, np.nan), 24))


def test_mase_is_the_mean_over_series_of_error_over_scale() -> None:
    tally = Tally(POINT)
    tally.add("a", np.array([[10.0, 20.0]]), point(12, 16), scale=2.0)  # mean error 3, over 2
    tally.add("b", np.array([[1.0]]), point(2), scale=4.0)  # 1 over 4
    assert tally.metrics().mase == pytest.approx((1.5 + 0.25) / 2)


def test_a_series_that_comes_in_parts_counts_once() -> None:
    tally = Tally(POINT)
    tally.add("a", np.array([[10.0], [10.0]]), np.array([[[11.0]], [[13.0]]]), scale=1.0)
    tally.add("a", np.array([[10.0]]), point(12), scale=1.0)
    tally.add("b", np.array([[0.0]]), point(8), scale=1.0)
    assert tally.metrics().mase == pytest.approx((2 + 8) / 2)


def test_a_series_without_a_scale_is_left_out_of_mase_alone() -> None:
    tally = Tally(POINT)
    tally.add("flat", np.array([[10.0]]), point(30), scale=0.0)
    metrics = tally.metrics()
    assert metrics.mase is None
    assert metrics.smape == pytest.approx(100)


def test_smape_is_in_percent_and_zero_where_both_are_zero() -> None:
    tally = Tally(POINT)
    tally.add("a", np.array([[1.0, 0.0, -2.0]]), point(3, 0, 2), scale=1.0)  # 200 * 2/4, 0, 200 * 4/4
    assert tally.metrics().smape == pytest.approx((100 + 0 + 200) / 3)


def test_the_weighted_quantile_loss_sums_over_targets_and_averages_over_levels() -> None:
    tally = Tally((0.1, 0.5, 0.9))
    tally.add("a", np.array([[2.0]]), np.array([[[1.0, 2.0, 4.0]]]), scale=1.0)
    # level .1: 2 * 1 * .1 = .2;  level .5: 0;  level .9: 2 * 2 * .1 = .4;  mean .2 over |y| = 2
    assert tally.metrics().weighted_quantile_loss == pytest.approx(0.1)


@given(st.floats(-100, 100), st.floats(-100, 100))
def test_a_point_forecast_has_the_quantile_loss_of_its_absolute_error(y: float, forecast: float) -> None:
    alone, spread = Tally(POINT), Tally(tuple(level / 10 for level in range(1, 10)))
    alone.add("a", np.array([[y, 1.0]]), point(forecast, 1.0), scale=1.0)
    spread.add("a", np.array([[y, 1.0]]), np.repeat(point(forecast, 1.0), 9, axis=2), scale=1.0)
    expected = abs(y - forecast) / (abs(y) + 1.0)
    assert alone.metrics().weighted_quantile_loss == pytest.approx(expected, abs=1e-12)
    assert spread.metrics().weighted_quantile_loss == pytest.approx(expected, abs=1e-12)


def test_levels_beyond_the_nine_do_not_count_in_the_weighted_quantile_loss() -> None:
    tally = Tally((0.025, 0.1, 0.5, 0.9, 0.975))
    tally.add("a", np.array([[2.0]]), np.array([[[-99.0, 1.0, 2.0, 4.0, 99.0]]]), scale=1.0)
    assert tally.metrics().weighted_quantile_loss == pytest.approx(0.1)


def test_coverage_is_the_share_of_readings_within_the_80_percent_band() -> None:
    tally = Tally((0.1, 0.5, 0.9))
    target = np.array([[1.0, 2.0, 3.0, 9.0]])
    tally.add("a", target, np.tile([1.0, 2.0, 3.0], (1, 4, 1)), scale=1.0)
    assert tally.metrics().coverage_80 == pytest.approx(0.75)


def test_the_interval_score_adds_forty_times_what_lies_outside_a_95_percent_band() -> None:
    score = interval_score(np.array([5.0, 1.0, 12.0]), np.full(3, 2.0), np.full(3, 10.0), 0.05)
    assert score == pytest.approx([8, 8 + 40 * 1, 8 + 40 * 2])
    tally = Tally((0.025, 0.5, 0.975))
    tally.add("a", np.array([[5.0, 1.0, 12.0]]), np.tile([2.0, 5.0, 10.0], (1, 3, 1)), scale=4.0)
    assert tally.metrics().msis_95 == pytest.approx((8 + 48 + 88) / 3 / 4)


def test_what_a_point_forecast_does_not_have_is_none() -> None:
    tally = Tally(POINT)
    tally.add("a", np.array([[1.0]]), point(2), scale=1.0)
    assert tally.metrics().coverage_80 is None
    assert tally.metrics().msis_95 is None


def test_missing_readings_and_missing_forecasts_are_not_compared() -> None:
    tally = Tally(POINT)
    tally.add("a", np.array([[10.0, np.nan, 30.0]]), point(11, 5, np.nan), scale=1.0)
    metrics = tally.metrics()
    assert (metrics.targets, metrics.forecasts) == (1, 1)
    assert metrics.mase == pytest.approx(1)


def test_nothing_added_is_no_metric() -> None:
    metrics = Tally((0.1, 0.5, 0.9)).metrics()
    assert (metrics.mase, metrics.smape, metrics.weighted_quantile_loss, metrics.coverage_80) == (None,) * 4


def test_owa_is_the_mean_of_the_ratios_to_the_reference() -> None:
    ours, reference = Tally(POINT), Tally(POINT)
    ours.add("a", np.array([[10.0]]), point(12), scale=1.0)
    reference.add("a", np.array([[10.0]]), point(14), scale=1.0)
    smape = (200 * 2 / 22) / (200 * 4 / 24)
    assert relative(ours.metrics(), reference.metrics()) == pytest.approx((smape + 0.5) / 2)
