"""Calibrated bands: they hold what they promise, a row is never touched by its neighbours, and forgets no number."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from service.beside import CALIBRATED, PLAIN, WATCHED, Beside
from service.calibration import NARROWEST, WIDEST, Calibration
from service.runtimes.fake import fake_bundle

LEVELS = (0.025, 0.1, 0.2, 0.5, 0.8, 0.9, 0.975)
NORMAL = np.array([-1.959964, -1.281552, -0.841621, 0.0, 0.841621, 1.281552, 1.959964])
HORIZON = 4
BANDS = {0.8: (1, 5), 0.95: (0, 6)}  # columns

Array = NDArray[np.float64]


def calibration(horizon: int = HORIZON, levels: tuple[float, ...] = LEVELS) -> Calibration:
    found = Calibration.of(fake_bundle(horizon=horizon, quantiles=levels).manifest)
    assert found is not None
    return found


def walked(method: Calibration, forecasts: Array, values: Array) -> tuple[NDArray[np.float32], Array]:
    """The last row, and what one session is answered after each reading (time, horizon, quantiles)."""
    row, answered = method.initial()[None], []
    for forecast, value in zip(forecasts, values, strict=True):
        row, said = method.advance(row, forecast[None], np.array([value]))
        answered.append(said[0])
    return row[0], np.array(answered)


def covered(answered: Array, values: Array, ahead: int, band: tuple[int, int], part: slice) -> float:
    """The share of the readings in a part of the series that lie in the band told so many steps before."""
    low, high = (answered[:-ahead, ahead - 1, column] for column in band)
    inside = (low <= values[ahead:]) & (values[ahead:] <= high)
    return float(inside[part].mean())


def standard(length: int, horizon: int = HORIZON) -> Array:
    """Forecasts of a model that takes its noise for standard normal, at all times."""
    return np.tile(NORMAL, (length, horizon, 1))


@pytest.mark.parametrize("spread", [0.3, 1.0, 3.0])
def test_bands_of_a_model_that_is_wrong_about_its_noise_hold_what_they_promise(spread: float) -> None:
    values = spread * np.random.default_rng(1).normal(size=4_000)
    _, answered = walked(calibration(), standard(4_000), values)
    for band, columns in BANDS.items():
        for ahead in range(1, HORIZON + 1):
            assert covered(answered, values, ahead, columns, slice(1_000, None)) == pytest.approx(band, abs=0.01)


def test_noise_that_doubles_is_followed_within_some_hundred_readings() -> None:
    random = np.random.default_rng(2)
    values = random.normal(size=4_000)
    values[2_000:] *= 2
    _, answered = walked(calibration(), standard(4_000), values)
    for band, columns in BANDS.items():
        for ahead in range(1, HORIZON + 1):
            assert covered(standard(4_000), values, ahead, columns, slice(2_200, None)) < band - 0.1
            assert covered(answered, values, ahead, columns, slice(2_200, 2_600)) == pytest.approx(band, abs=0.03)
            assert covered(answered, values, ahead, columns, slice(2_200, None)) == pytest.approx(band, abs=0.012)


def test_each_side_is_held_to_its_own_share() -> None:
    values = np.random.default_rng(3).exponential(size=4_000)  # nothing below 0, long above
    _, answered = walked(calibration(), standard(4_000) + 0.7, values)
    for column, share in ((0, 0.025), (1, 0.1), (5, 0.9), (6, 0.975)):
        below = (values[1:] < answered[:-1, 0, column])[1_000:].mean()
        assert below == pytest.approx(share, abs=0.015)


def test_at_first_and_where_nothing_was_learned_the_forecasts_are_the_models_to_the_bit() -> None:
    method, forecasts = calibration(), standard(30) * 1.1 + 1e8
    _, answered = walked(method, forecasts, np.full(30, np.nan))
    np.testing.assert_array_equal(answered, forecasts)
    np.testing.assert_array_equal(method.widen(method.initial()[None], forecasts[:1]), forecasts[:1])


def test_the_median_is_the_models_own_and_no_quantile_crosses_another() -> None:
    random = np.random.default_rng(4)
    values = random.standard_t(2, size=1_500) * np.repeat(random.uniform(0.1, 5, 15), 100)
    forecasts = standard(1_500) + random.normal(size=(1_500, 1, 1))
    _, answered = walked(calibration(), forecasts, values)
    np.testing.assert_array_equal(answered[..., 3], forecasts[..., 3])
    assert (np.diff(answered, axis=-1) >= 0).all()
    assert not np.allclose(answered, forecasts)


def test_a_factor_moves_by_its_step_and_never_beyond_its_bounds() -> None:
    method = calibration(1, (0.1, 0.5, 0.9))
    steps = np.exp([0.1 * 0.9, -0.1 * 0.1])
    row, _ = walked(method, standard(2, 1)[..., [1, 3, 5]], np.array([0.0, 9.0]))
    np.testing.assert_allclose(row[3:5], [steps[1], steps[0]], rtol=1e-6)  # below: not beyond; above: beyond
    row, _ = walked(method, standard(900, 1)[..., [1, 3, 5]], np.full(900, 1e6))
    np.testing.assert_array_equal(row[3:5], np.float32([NARROWEST, WIDEST]))


def test_far_ahead_a_factor_takes_smaller_steps_since_errors_overlap() -> None:
    method = calibration(64, (0.1, 0.5, 0.9))
    row, _ = walked(method, np.full((65, 64, 3), [-1.0, 0.0, 1.0]), np.append(np.full(64, np.nan), 9.0))
    factors = row[3 : 3 + 128].reshape(64, 2)[:, 1]
    np.testing.assert_allclose(np.log(factors[[0, 3, 15, 63]]), 0.9 * np.array([0.1, 0.1, 0.05, 0.025]), rtol=1e-5)


def test_an_error_is_learned_when_its_reading_comes_and_from_the_forecast_that_was_made_for_it() -> None:
    method, length = calibration(3, (0.1, 0.5, 0.9)), 8
    forecasts = np.zeros((length, 3, 3))
    for at in range(length):
        for ahead in (1, 2, 3):
            forecasts[at, ahead - 1] = 100 * (at + ahead) + np.array([-1, 0, 1])  # right for each of them, and no other
    values = 100.0 * np.arange(length)
    row, _ = walked(method, forecasts, values)
    shrunk = np.exp(-0.1 * 0.1)
    np.testing.assert_allclose(
        row[3:9].reshape(3, 2), shrunk ** (length - np.array([[1], [2], [3]])).repeat(2, 1), rtol=1e-5
    )
    values[5] += 50
    row, _ = walked(method, forecasts, values)
    grown = np.exp(0.1)  # for that one the factor grew where it had shrunk
    np.testing.assert_allclose(row[3:9:2], shrunk ** (length - np.array([1, 2, 3])), rtol=1e-5)
    np.testing.assert_allclose(row[4:9:2], grown * shrunk ** (length - np.array([1, 2, 3])), rtol=1e-5)


def test_a_missing_reading_teaches_nothing_and_what_was_said_around_it_counts() -> None:
    random = np.random.default_rng(5)
    method, values = calibration(), random.normal(size=200)
    values[random.random(200) < 0.3] = np.nan
    forecasts = standard(200)
    row, factors = method.initial()[None], []
    for forecast, value in zip(forecasts, values, strict=True):
        row, _ = method.advance(row, forecast[None], np.array([value]))
        factors.append(row[0, 3 : 3 + 4 * HORIZON])
    moved = (np.diff(np.array(factors), axis=0) != 0).reshape(199, HORIZON, 4)
    seen = ~np.isnan(values[1:])
    for ahead in range(HORIZON):
        assert (moved[ahead:, ahead][seen[ahead:]]).all()
        assert not moved[~seen, ahead].any()


def test_a_forecast_that_is_not_finite_stays_so_and_teaches_nothing() -> None:
    method = calibration(2, (0.1, 0.5, 0.9))
    for wrong in (np.nan, np.inf, 1e300):
        forecasts = np.full((6, 2, 3), [-1.0, 0.0, 1.0])
        forecasts[1, 1, 2] = forecasts[2, 0, :] = wrong
        row, answered = walked(method, forecasts, np.array([0.0, 0.0, 0.0, 9.0, 9.0, 9.0]))
        np.testing.assert_array_equal(np.isfinite(answered), np.isfinite(forecasts))
        assert np.isfinite(row[3:7]).all()
        assert row[4] == pytest.approx(np.exp(2 * 0.09 - 2 * 0.01), rel=1e-5)  # of step 3 nothing was said one before


def test_a_register_at_a_hundred_million_does_not_lose_its_decimals() -> None:
    random = np.random.default_rng(6)
    small = random.normal(size=1_000) * 0.01
    _, plain = walked(calibration(), standard(1_000) * 0.003, small)
    _, high = walked(calibration(), 1e8 + standard(1_000) * 0.003, 1e8 + small)
    np.testing.assert_allclose(high - 1e8, plain, atol=1e-6)


def test_quantiles_stay_what_the_target_can_be() -> None:
    method = replace(calibration(1, (0.1, 0.5, 0.9)), non_negative=True, integer=True)
    row = method.initial()[None]
    row[0, 3:5] = [3.0, 1.3]
    np.testing.assert_array_equal(method.widen(row, np.array([[[1.0, 2.0, 4.0]]])), [[[0.0, 2.0, 5.0]]])
    row, _ = method.advance(method.initial()[None], np.array([[[0.0, 0.0, 2.0]]]), np.zeros(1))
    for _ in range(400):  # nothing lies below 0, and that is no reason to answer anything below
        row, said = method.advance(row, np.array([[[0.0, 0.0, 2.0]]]), np.zeros(1))
    np.testing.assert_array_equal(said, [[[0.0, 0.0, 0.0]]])


def test_levels_between_the_edges_share_the_factors_of_their_neighbours() -> None:
    method = calibration(1, (0.025, 0.0625, 0.1, 0.3, 0.5, 0.9))
    row = method.initial()[None]
    row[0, 3:6] = [3.0, 2.0, 1.5]  # below: 0.025 and 0.1; above: 0.9 alone
    forecast = np.array([[[-6.0, -5.0, -4.0, -2.0, 0.0, 4.0]]])
    np.testing.assert_allclose(method.widen(row, forecast)[0, 0], [-18.0, -12.5, -8.0, -4.0, 0.0, 6.0], rtol=1e-6)


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    batch=st.integers(1, 9),
    length=st.integers(1, 40),
    horizon=st.integers(1, 9),
    levels=st.sampled_from([LEVELS, (0.1, 0.5, 0.9), (0.05, 0.25, 0.5), (0.5, 0.75, 0.9, 0.99)]),
)
def test_a_batch_is_each_row_alone_to_the_bit(
    seed: int, batch: int, length: int, horizon: int, levels: tuple[float, ...]
) -> None:
    random, method = np.random.default_rng(seed), calibration(horizon, levels)
    forecasts = np.sort(random.normal(size=(length, batch, horizon, len(levels))) * 10.0 ** random.integers(-3, 9), -1)
    values = random.normal(size=(length, batch)) * 3
    values[random.random((length, batch)) < 0.2] = np.nan
    late = random.integers(0, length, batch)  # rows stand at different readings
    rows = np.tile(method.initial(), (batch, 1))
    for step in range(length):
        before, live = rows.copy(), np.flatnonzero(late <= step)
        after, said = method.advance(rows[live], forecasts[step, live], values[step, live])
        np.testing.assert_array_equal(rows, before)
        alone = [
            method.advance(rows[at : at + 1], forecasts[step, at : at + 1], values[step, at : at + 1]) for at in live
        ]
        np.testing.assert_array_equal(after, np.concatenate([row for row, _ in alone] or [after]))
        np.testing.assert_array_equal(said, np.concatenate([each for _, each in alone] or [said]))
        np.testing.assert_array_equal(said, method.widen(after, forecasts[step, live]))
        rows[live] = after


def test_readings_beyond_what_a_float_can_count_are_counted() -> None:
    method = calibration(3, (0.1, 0.5, 0.9))
    row = method.initial()[None]
    row[:, 1], row[:, 2] = 20, 2**20 - 1
    row, _ = method.advance(row, np.zeros((1, 3, 3)), np.zeros(1))
    assert row[0, 1:3].tolist() == [21, 0]


@pytest.mark.parametrize(
    ("horizon", "size"), [(1, 14), (24, 1_348), (48, 4_996)], ids=["one step", "a day of hours", "a day of half-hours"]
)
def test_a_row_is_as_small_as_was_said(horizon: int, size: int) -> None:
    method = calibration(horizon)
    assert (method.size, len(method.initial()), method.initial().dtype) == (size, size, np.float32)


@pytest.mark.parametrize(
    "bundle",
    [
        fake_bundle(quantiles=(0.5,)),
        fake_bundle(quantiles=(0.1, 0.9)),
        fake_bundle(streams=False),
        fake_bundle(covariates=("temperature",), future=("temperature",)),
    ],
    ids=["median alone", "no median", "no stream", "known ahead"],
)
def test_a_model_whose_forecasts_cannot_be_made_again_or_that_has_no_bands_is_not_calibrated(bundle) -> None:
    assert Calibration.of(bundle.manifest) is None
    beside = Beside.of(bundle.manifest)
    assert beside.kind(False, True, False) == PLAIN


def test_a_row_of_another_method_or_another_model_does_not_fit() -> None:
    method = calibration()
    row = method.initial()
    assert method.fits(row)
    other = row.copy()
    other[0] += 1
    assert not method.fits(other)
    assert not method.fits(row[:-1])


@pytest.mark.parametrize("levels", [LEVELS, (0.1, 0.5), (0.1, 0.5, 0.9)])
@pytest.mark.parametrize("horizon", [1, 2, 3, 4, 7])
def test_the_length_of_a_row_tells_what_it_holds(levels: tuple[float, ...], horizon: int) -> None:
    beside = Beside.of(fake_bundle(horizon=horizon, quantiles=levels).manifest)
    assert len(set(beside.sizes.values())) == len(beside.sizes)
    for kind in (PLAIN, WATCHED, CALIBRATED, WATCHED + CALIBRATED):
        row = beside.initial(kind, 7)
        assert beside.kinds[len(row)] == kind
        assert [other for other in beside.sizes if beside.fits(row, other)] == [kind]
