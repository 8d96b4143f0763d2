"""The curve under which values are learned: there and back, and a forecaster whose forecasts stay exact under it."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from models.forecaster import Forecaster
from models.registry import build
from models.transform import STRAIGHT, Transform
from tests.conftest import HOUR, START, daily_wave, small_config, taught

OFFSET = 5.0
TOLERANCE = 1e-5  # |a - b| <= TOLERANCE * (deviation of the series + |b|)
DEVIATION = 10.0

finite = st.floats(-1e12, 1e12)


@pytest.fixture(scope="module")
def model() -> Forecaster:
    torch.manual_seed(0)
    return taught(build(small_config(offset=OFFSET)))


def readings(length: int, level: float = 50.0) -> tuple[Tensor, Tensor]:
    """Values (2, length, 1), some missing, and their times (2, length)."""
    values = torch.stack([torch.from_numpy(daily_wave(length, seed=row, level=level)) for row in range(2)])
    values[:, 3::13] = float("nan")
    return values.unsqueeze(2), (START + HOUR * torch.arange(length)).repeat(2, 1)


def initial(model: Forecaster) -> Tensor:
    return model.initial().repeat(2, 1)


@settings(deadline=None)
@given(finite, st.floats(1e-3, 1e6))
def test_what_was_put_under_the_curve_comes_back(value: float, offset: float) -> None:
    transform = Transform(offset)
    values = torch.tensor([value], dtype=torch.float64)
    torch.testing.assert_close(transform.undo(transform.apply(values)), values, rtol=1e-12, atol=1e-12 * offset)


@settings(deadline=None)
@given(finite, finite)
def test_the_curve_rises(a: float, b: float) -> None:
    under = Transform(OFFSET).apply(torch.tensor([min(a, b), max(a, b)], dtype=torch.float64))
    assert under[0] <= under[1]


def test_without_an_offset_nothing_is_changed() -> None:
    values = torch.tensor([-3.0, 0.0, float("nan"), 1e8], dtype=torch.float64)
    assert STRAIGHT.apply(values) is values
    assert STRAIGHT.undo(values) is values
    assert torch.equal(STRAIGHT.size(values).nan_to_num(), values.abs().nan_to_num())


def test_far_from_zero_equal_ratios_are_equal_steps() -> None:
    under = Transform(1e-6).apply(torch.tensor([1.0, 10.0, 100.0, 1000.0], dtype=torch.float64))
    torch.testing.assert_close(under.diff(), torch.full((3,), 10.0, dtype=torch.float64).log(), rtol=1e-6, atol=0)


def test_a_missing_reading_stays_missing_and_a_wild_forecast_finite() -> None:
    transform = Transform(OFFSET)
    assert torch.isnan(transform.apply(torch.tensor([float("nan")]))).all()
    assert torch.isfinite(transform.undo(torch.tensor([-1e9, 1e9], dtype=torch.float64))).all()


@torch.no_grad()
@pytest.mark.parametrize("level", [0.0, 50.0, 1e8])
def test_under_a_logarithm_streamed_and_chunked_equal_whole(model: Forecaster, level: float) -> None:
    values, times = readings(90, level)
    whole, end = model.sequence(values, times, torch.full((2,), 90), initial(model))
    _, state = model.sequence(values[:, :31], times[:, :31], torch.full((2,), 31), initial(model))
    for at in range(31, 90):
        streamed, state, _ = model.step(values[:, at], times[:, at], state)
    assert torch.all((streamed - whole).abs() <= TOLERANCE * (DEVIATION + whole.abs()))
    torch.testing.assert_close(state, end, equal_nan=True, rtol=1e-5, atol=1e-5)


@torch.no_grad()
def test_under_a_logarithm_a_backtest_sees_what_a_stream_forecasts(model: Forecaster) -> None:
    values, times = readings(60)
    fork = model.fork(values, times, torch.full((2,), 60), initial(model), origins=slice(2, None, 5))
    for place, origin in enumerate(range(2, 60, 5)):
        expected, _ = model.sequence(values, times, torch.full((2,), origin + 1), initial(model))
        level, scale = (each[:, place, None, None] for each in (fork.level, fork.scale))
        found = fork.transform.undo(level + scale * fork.quantiles[:, place].double())
        assert torch.all((found - expected).abs() <= TOLERANCE * (DEVIATION + expected.abs()))


@torch.no_grad()
def test_under_a_logarithm_a_meter_register_keeps_its_decimals(model: Forecaster) -> None:
    values, times = readings(100, level=1e8)
    lengths = torch.full((2,), 100)
    register, _ = model.sequence(values, times, lengths, initial(model))
    assert (register - 1e8).abs().max() < 10 * DEVIATION
    shifted, _ = model.sequence(values + 0.25, times, lengths, initial(model))
    torch.testing.assert_close(shifted - register, torch.full_like(register, 0.25), rtol=0, atol=1e-3)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.one_of(st.floats(-1e9, 1e9), st.just(float("nan"))), min_size=1, max_size=40))
@torch.no_grad()
def test_under_a_logarithm_any_readings_give_ordered_finite_quantiles(model: Forecaster, series: list[float]) -> None:
    values = torch.tensor(series, dtype=torch.float64).reshape(1, -1, 1)
    times = START + HOUR * torch.arange(len(series)).unsqueeze(0)
    quantiles, _ = model.sequence(values, times, torch.tensor([len(series)]), model.initial().unsqueeze(0))
    assert torch.all(torch.isfinite(quantiles))
    assert torch.all(quantiles.diff(dim=-1) >= 0)


@torch.no_grad()
def test_under_a_logarithm_a_series_a_thousand_times_as_large_has_forecasts_as_large(model: Forecaster) -> None:
    values, times = readings(60, level=5e5)
    lengths = torch.full((2,), 60)
    small, _ = model.sequence(values, times, lengths, initial(model))
    large, _ = model.sequence(1_000 * values, times, lengths, initial(model))
    torch.testing.assert_close(large / 1_000, small, rtol=1e-5, atol=0.5)
