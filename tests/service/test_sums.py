"""Quantiles of sums: held against what is known in closed form, against many more courses, and to their promises."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from service.bundle import Manifest
from service.errors import BundleError
from service.runtimes.fake import fake_bundle
from service.sums import Sums

HORIZON = 24
LEVELS = (0.025, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.975)
POINTS = np.array([NormalDist().inv_cdf(level) for level in LEVELS])


def manifest(correlation: float = 0.8, **changes: object) -> Manifest:
    dependence = [correlation**apart for apart in range(HORIZON)]
    bundle = fake_bundle(horizon=HORIZON, quantiles=LEVELS, dependence=dependence)
    return bundle.manifest.model_copy(update=changes)


def normal(mean: np.ndarray, deviation: np.ndarray) -> np.ndarray:
    """Forecasts of normal variables, (1, horizon, quantiles)."""
    return (mean[:, None] + deviation[:, None] * POINTS)[None]


def matrix(correlation: float, steps: int) -> np.ndarray:
    at = np.arange(steps)
    return correlation ** np.abs(at[:, None] - at).astype(float)


@pytest.mark.parametrize("correlation", [0.0, 0.5, 0.8, 0.99])
def test_sums_of_normal_variables_are_normal_with_the_variance_of_the_books(correlation: float) -> None:
    """Var(sum) = the sum of all covariances. What is left is that there are a thousand courses and not all."""
    mean, deviation = np.linspace(-3, 9, HORIZON), np.linspace(1.0, 1.5, HORIZON)
    found = Sums(manifest(correlation)).of(normal(mean, deviation), [HORIZON, 6], LEVELS)[0]
    for steps, quantiles, off in ((HORIZON, found[0], 0.06), (6, found[1], 0.2)):
        covariance = matrix(correlation, steps) * np.outer(deviation[:steps], deviation[:steps])
        spread = np.sqrt(covariance.sum())
        np.testing.assert_allclose(quantiles, mean[:steps].sum() + spread * POINTS, atol=off * spread)


def test_a_thousand_courses_say_what_two_hundred_thousand_say_of_skewed_steps() -> None:
    quantiles = np.exp(0.8 * POINTS)[None, None] * np.linspace(1, 3, HORIZON)[None, :, None]
    found = Sums(manifest()).of(quantiles, [HORIZON], LEVELS)[0, 0]
    random = np.random.default_rng(1)
    scores = random.normal(size=(200_000, HORIZON)) @ np.linalg.cholesky(matrix(0.8, HORIZON)).T
    at = np.clip(np.searchsorted(POINTS, scores), 1, len(POINTS) - 1)
    share = (scores - POINTS[at - 1]) / (POINTS[at] - POINTS[at - 1])
    steps = np.arange(HORIZON)
    low, high = quantiles[0, steps, at - 1], quantiles[0, steps, at]
    totals = (low + share * (high - low)).sum(axis=1)
    np.testing.assert_allclose(found, np.quantile(totals, LEVELS), atol=0.1 * totals.std())


def test_a_sum_of_one_step_is_that_step_and_the_sum_of_certain_steps_is_certain() -> None:
    forecast = normal(np.arange(24.0), np.ones(24))
    sums = Sums(manifest())
    np.testing.assert_allclose(sums.of(forecast, [1], LEVELS)[0, 0], forecast[0, 0], atol=0.15)
    certain = np.full((1, HORIZON, len(LEVELS)), 1e8)
    np.testing.assert_allclose(sums.of(certain, [HORIZON], LEVELS), 24e8, rtol=1e-12)


def test_more_dependence_makes_a_wider_sum_and_none_is_narrower_than_the_sum_of_quantiles() -> None:
    forecast = normal(np.zeros(HORIZON), np.ones(HORIZON))
    widths = []
    for correlation in (0.0, 0.5, 0.9):
        low, high = Sums(manifest(correlation)).of(forecast, [HORIZON], (0.1, 0.9))[0, 0]
        widths.append(high - low)
    naive = (forecast[0, :, LEVELS.index(0.9)] - forecast[0, :, LEVELS.index(0.1)]).sum()
    assert widths == sorted(widths)
    assert widths[0] < naive / 4
    assert widths[-1] < naive


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 9_999), st.lists(st.integers(1, HORIZON), min_size=1, max_size=5, unique=True))
def test_a_rows_sums_are_its_own_in_the_order_asked_and_never_cross(seed: int, steps: list[int]) -> None:
    random = np.random.default_rng(seed)
    forecasts = np.sort(random.normal(size=(5, HORIZON, len(LEVELS))) * 10, axis=2)
    sums = Sums(manifest())
    found = sums.of(forecasts, steps, LEVELS)
    assert (np.diff(found, axis=2) >= 0).all()
    for row in range(5):
        np.testing.assert_array_equal(sums.of(forecasts[row : row + 1], steps, LEVELS)[0], found[row])
    for at, count in enumerate(steps):
        np.testing.assert_allclose(sums.of(forecasts, [count], LEVELS)[:, 0], found[:, at], rtol=1e-9, atol=1e-9)


def test_asked_again_by_another_process_the_answer_is_the_same() -> None:
    forecast = normal(np.zeros(HORIZON), np.ones(HORIZON))
    found = Sums(manifest()).of(forecast, [HORIZON], (0.1, 0.9))[0, 0]
    np.testing.assert_allclose(found, [-17.01, 17.01], atol=0.05)  # 1.2816 * sqrt(176.2)
    np.testing.assert_array_equal(found, Sums(manifest()).of(forecast, [HORIZON], (0.1, 0.9))[0, 0])


def test_sums_of_a_declared_target_are_as_it_can_be() -> None:
    forecast = normal(np.full(HORIZON, 0.1), np.ones(HORIZON))
    declared = manifest(non_negative=True, integer=True)
    found = Sums(declared).of(forecast, [HORIZON, 3], LEVELS)
    assert (found >= 0).all()
    assert (found == np.round(found)).all()


def test_levels_of_a_bundle_need_no_order() -> None:
    order = [5, 0, 10, 3]
    levels = [LEVELS[at] for at in order]
    mixed = fake_bundle(horizon=2, quantiles=levels).manifest
    ascending = fake_bundle(horizon=2, quantiles=sorted(levels)).manifest
    forecast = normal(np.zeros(2), np.ones(2))[:, :, sorted(order)]
    places = [sorted(levels).index(level) for level in levels]
    found = Sums(mixed).of(forecast[:, :, places], [2], (0.1, 0.9))
    np.testing.assert_allclose(found, Sums(ascending).of(forecast, [2], (0.1, 0.9)))


def test_a_manifest_whose_dependence_cannot_be_is_refused_by_name() -> None:
    wrong = manifest(dependence=[1.0, *[-0.9] * (HORIZON - 1)])
    with pytest.raises(BundleError, match=r"dependence is no correlation over 24 steps; export the run again"):
        Sums(wrong)
    with pytest.raises(BundleError, match="has no dependence"):
        Sums(manifest(dependence=None))
    sound = manifest().model_dump()
    for dependence in ([1.0], [0.5] * HORIZON):
        with pytest.raises(ValidationError, match=r"dependence must be 1 and then"):
            Manifest.model_validate({**sound, "dependence": dependence})
