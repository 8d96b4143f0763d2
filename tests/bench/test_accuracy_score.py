"""Forecasts are measured the same in whatever pieces they come, and bands series by series."""

from __future__ import annotations

from dataclasses import replace
from math import comb

import numpy as np
import pytest

from bench.accuracy.coverage import Coverage, chance
from bench.accuracy.measures import COVERS_80, CRPS, MAE, MASE, MSE, OWA, written
from bench.accuracy.naive import checked_naive, naive
from bench.accuracy.point import MEAN, MEDIAN, PointError, implied_mean
from bench.accuracy.score import Score
from models.evaluation.metrics import Metrics, seasonal_scale
from tests.bench.small_protocol import HORIZON, LENGTH, VALIDATION, small_protocol

LEVELS = (0.1, 0.5, 0.9)


def forecasts(count: int, seed: int = 0) -> np.ndarray:
    return np.sort(np.random.default_rng(seed).normal(50, 20, (count, HORIZON, 3)), axis=2)


def test_pieces_come_to_what_the_whole_does() -> None:
    protocol = small_protocol()
    whole, pieces = Score(protocol, LEVELS), Score(protocol, LEVELS)
    for series, at in enumerate(protocol.origins):
        said = forecasts(len(at), series)
        whole.add(series, at, said)
        for cut in (slice(0, 5), slice(5, 6), slice(6, None)):
            pieces.add(series, at[cut], said[cut])
    assert pieces.figures == pytest.approx(whole.figures)
    assert pieces.coverage == whole.coverage


def test_squared_and_absolute_errors_are_in_deviations_of_each_series() -> None:
    protocol = small_protocol(deviations=np.array([2.0, 5.0]))
    score = Score(protocol, LEVELS)
    squared, absolute = [], []
    for series, at in enumerate(protocol.origins):
        said = forecasts(len(at), series)
        score.add(series, at, said)
        target = protocol.panel.series[series].values[at[:, None] + np.arange(1, HORIZON + 1), 0]
        error = (said[:, :, 1] - target) / (2.0, 5.0)[series]
        squared.append(error**2)
        absolute.append(np.abs(error))
    assert score.figures[MSE] == pytest.approx(np.mean(squared))
    assert score.figures[MAE] == pytest.approx(np.mean(absolute))


def test_a_point_that_is_given_takes_the_place_of_the_median_in_them_alone() -> None:
    protocol = small_protocol(1)
    (at,) = protocol.origins
    right = protocol.panel.series[0].values[at[:, None] + np.arange(1, HORIZON + 1), 0]
    score = Score(protocol, LEVELS)
    score.add(0, at, forecasts(len(at)), right)
    assert score.figures[MSE] == score.figures[MAE] == 0
    assert score.figures[MASE] != 0


def test_a_window_is_scaled_by_all_before_it_where_each_is_an_instance() -> None:
    protocol = small_protocol(1, by_window=True)
    (at,) = protocol.origins
    said, values = forecasts(len(at)), protocol.panel.series[0].values[:, 0]
    score = Score(protocol, LEVELS)
    score.add(0, at, said)
    errors = [
        np.abs(said[row, :, 1] - values[origin + 1 : origin + 1 + HORIZON]).mean()
        / seasonal_scale(values[: origin + 1], 4)
        for row, origin in enumerate(at)
    ]
    assert score.figures[MASE] == pytest.approx(np.mean(errors))


def test_what_has_no_meaning_has_no_figure() -> None:
    protocol = small_protocol(deviations=None)
    score = Score(protocol, (0.5,))
    assert set(score.figures.values()) == {None}
    assert score.coverage == {}
    score.add(0, protocol.origins[0], forecasts(len(protocol.origins[0]))[:, :, 1:2])
    assert (score.figures[MSE], score.figures[OWA]) == (None, None)
    assert score.figures[CRPS] is not None
    assert written(MSE, None) == "–"


def test_the_owa_is_taken_against_the_reference() -> None:
    at = small_protocol(1).origins[0]
    score = Score(small_protocol(1, reference=Metrics(0.5, 10.0, None, None, None, 0, 0)), LEVELS)
    score.add(0, at, forecasts(len(at)))
    expected = ((score.figures[MASE] or 0) / 0.5 + (score.figures["sMAPE"] or 0) / 10.0) / 2
    assert score.figures[OWA] == pytest.approx(expected)


def test_windows_without_a_forecast_are_counted() -> None:
    protocol = small_protocol(1)
    (at,) = protocol.origins
    said = forecasts(len(at))
    said[[1, 4]] = np.nan
    score = Score(protocol, LEVELS)
    score.add(0, at, said)
    assert score.missing == 2


def test_coverage_is_told_series_by_series() -> None:
    protocol = small_protocol(2)
    score = Score(protocol, LEVELS)
    for series, (wide, at) in enumerate(zip((True, False), protocol.origins, strict=True)):
        target = protocol.panel.series[series].values[at[:, None] + np.arange(1, HORIZON + 1), 0]
        away = np.array([-1.0, 0.0, 1.0]) if wide else np.array([1.0, 1.5, 2.0])
        score.add(series, at, target[:, :, None] + away)
    found = score.coverage[COVERS_80]
    assert found.overall == 0.5
    assert (found.near, found.close) == (0, 0)
    assert (found.low, found.middle, found.high) == pytest.approx((0.1, 0.5, 0.9))
    assert found.shares == (1, 0)


def test_a_share_just_as_far_as_allowed_is_near() -> None:
    found = Coverage.of(0.8, np.array([785.0, 830.0, 831.0, 0.0]), np.array([1_000.0, 1_000.0, 1_000.0, 0.0]))
    assert (found.near, found.close) == (pytest.approx(1 / 3), pytest.approx(2 / 3))


@pytest.mark.parametrize(("count", "inside"), [(10, [8]), (48, [37, 38, 39])])
def test_what_chance_alone_would_do_is_binomial(count: int, inside: list[int]) -> None:
    expected = sum(comb(count, k) * 0.8**k * 0.2 ** (count - k) for k in inside)
    assert chance(0.8, count, 0.03) == pytest.approx(expected)


def test_the_more_targets_the_surer_a_right_band_looks_right() -> None:
    assert chance(0.95, 48, 0.03) < chance(0.95, 960, 0.03) < chance(0.95, 96_000, 0.03) == pytest.approx(1)


def test_the_mean_of_even_quantiles_is_their_median_and_of_skewed_ones_it_is_not() -> None:
    levels = (0.025, 0.1, 0.5, 0.9, 0.975)
    even, skewed = np.array([-4.0, -2, 0, 2, 4]), np.array([-1.0, -0.5, 0, 3, 8])
    assert implied_mean(np.stack([even, even + 7]), levels) == pytest.approx([0, 7])
    assert implied_mean(skewed, levels) > 0.5


def test_the_point_is_what_has_the_smaller_squared_error() -> None:
    levels = (0.1, 0.5, 0.9)
    quantiles = np.broadcast_to(np.array([0.0, 1.0, 5.0]), (4, 2, 3))
    for target, better in ((1.0, MEDIAN), (float(implied_mean(quantiles, levels)[0, 0]), MEAN)):
        errors = PointError(levels)
        errors.add(quantiles, np.full((4, 2), target), 3.0)
        assert errors.better == better


def test_a_naive_that_is_not_as_published_ends_everything() -> None:
    protocol = small_protocol()
    found = written(MASE, naive(protocol)[MASE])
    checked_naive(replace(protocol, naive={MASE: found}))
    with pytest.raises(AssertionError, match=f"MASE {found}, published is 9.999"):
        checked_naive(replace(protocol, naive={MASE: "9.999"}))


def test_the_windows_of_peers_are_every_so_many_th_and_an_excerpt_is_the_first_series() -> None:
    protocol = small_protocol(3, every=5)
    assert protocol.windows == 3 * (LENGTH - VALIDATION - HORIZON + 1)
    assert np.array_equal(protocol.thinned().origins[1], protocol.origins[1][::5])
    assert protocol.thinned().every == 1
    assert len(protocol.excerpt(2).panel.series) == len(protocol.excerpt(2).origins) == 2
