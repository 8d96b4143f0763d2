"""What every architecture in the registry promises: one function, one state, one path."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from models.forecaster import Forecaster
from models.registry import ARCHITECTURES, build
from tests.conftest import HOUR, START, daily_wave, small_config, taught

TOLERANCE = 1e-5  # |a - b| <= TOLERANCE * (deviation of the series or slice + |b|)


@pytest.fixture(scope="module", params=sorted(ARCHITECTURES))
def model(request: pytest.FixtureRequest) -> Forecaster:
    torch.manual_seed(0)
    return taught(build(small_config(architecture=request.param, covariates=("temperature",))))


def readings(length: int, batch: int, seed: int, level: float = 50.0) -> tuple[Tensor, Tensor]:
    """Values (batch, length, 2) with some missing, and their times (batch, length)."""
    random = np.random.default_rng(seed)
    values = np.stack([daily_wave(length, seed=seed + row, level=level) for row in range(batch)])[:, :, None]
    values = np.concatenate([values, random.normal(20, 5, values.shape)], axis=2)
    values[random.random(values.shape) < 0.1] = np.nan
    times = START + HOUR * np.tile(np.arange(length), (batch, 1))
    return torch.from_numpy(values), torch.from_numpy(times)


def assert_same(model: Forecaster, found: tuple[Tensor, Tensor], expected: tuple[Tensor, Tensor], scale: float) -> None:
    """Forecasts and states agree within the tolerance; NaN only where NaN is expected."""
    assert torch.all((found[0] - expected[0]).abs() <= TOLERANCE * (scale + expected[0].abs()))
    for part in model.layout:
        a, b = found[1][:, part.start : part.stop], expected[1][:, part.start : part.stop]
        assert torch.equal(torch.isnan(a), torch.isnan(b))
        a, b = a.nan_to_num(), b.nan_to_num()
        deviation = b.std(correction=0) if b.numel() > 1 else torch.zeros(())
        assert torch.all((a - b).abs() <= TOLERANCE * (deviation + b.abs()) + 1e-30), part.name


def initial(model: Forecaster, batch: int) -> Tensor:
    return model.initial().repeat(batch, 1)


@settings(max_examples=25, deadline=None)
@given(
    length=st.integers(1, 120), batch=st.integers(1, 5), seed=st.integers(0, 999), level=st.sampled_from([0, 50, 1e8])
)
@torch.no_grad()
def test_streamed_equals_whole(model: Forecaster, length: int, batch: int, seed: int, level: float) -> None:
    values, times = readings(length, batch, seed, level)
    whole = model.sequence(values, times, torch.full((batch,), length), initial(model, batch))
    state = initial(model, batch)
    for at in range(length):
        quantiles, state, _ = model.step(values[:, at], times[:, at], state)
    assert_same(model, (quantiles, state), whole, scale=10.0)


@settings(max_examples=25, deadline=None)
@given(cuts=st.lists(st.integers(1, 60), min_size=1, max_size=5), seed=st.integers(0, 999))
@torch.no_grad()
def test_chunked_equals_whole(model: Forecaster, cuts: list[int], seed: int) -> None:
    length = sum(cuts)
    values, times = readings(length, 2, seed)
    whole = model.sequence(values, times, torch.full((2,), length), initial(model, 2))
    state, start = initial(model, 2), 0
    for cut in cuts:
        part = slice(start, start + cut)
        quantiles, state = model.sequence(values[:, part], times[:, part], torch.full((2,), cut), state)
        start += cut
    assert_same(model, (quantiles, state), whole, scale=10.0)


@settings(max_examples=25, deadline=None)
@given(lengths=st.lists(st.integers(0, 70), min_size=1, max_size=6), pad=st.integers(0, 9), seed=st.integers(0, 999))
@torch.no_grad()
def test_padded_equals_alone(model: Forecaster, lengths: list[int], pad: int, seed: int) -> None:
    width = max(1, *lengths, 1) + pad
    values, times = readings(width, len(lengths), seed)
    together = model.sequence(values, times, torch.tensor(lengths), initial(model, len(lengths)))
    for row, length in enumerate(lengths):
        cut = max(1, length)
        alone = model.sequence(
            values[row : row + 1, :cut], times[row : row + 1, :cut], torch.tensor([length]), initial(model, 1)
        )
        assert_same(model, (together[0][row : row + 1], together[1][row : row + 1]), alone, scale=10.0)


@torch.no_grad()
def test_length_zero_leaves_the_state_and_gives_the_same_forecast_again(model: Forecaster) -> None:
    values, times = readings(40, 3, seed=5)
    quantiles, state = model.sequence(values, times, torch.full((3,), 40), initial(model, 3))
    again, same = model.sequence(values[:, :1], times[:, :1], torch.zeros(3, dtype=torch.int64), state)
    assert torch.equal(state.nan_to_num(nan=-1), same.nan_to_num(nan=-1))
    torch.testing.assert_close(again, quantiles, rtol=1e-6, atol=1e-6)


@torch.no_grad()
def test_what_training_decodes_at_every_step_is_what_sequence_forecasts_there(model: Forecaster) -> None:
    values, times = readings(60, 4, seed=8)
    for lengths in ([60, 41, 50, 60], [60, 7, 9, 8]):  # mostly full, and mostly padding
        fork = model.fork(values, times, torch.tensor(lengths), initial(model, 4))
        for length in (1, 7, 41):
            rows = torch.tensor([row for row in range(4) if lengths[row] >= length])
            quantiles, _ = model.sequence(values, times, torch.full((4,), length), initial(model, 4))
            level, scale = (each[rows, length - 1, None, None] for each in (fork.level, fork.scale))
            forked = level + scale * fork.quantiles[rows, length - 1].double()
            torch.testing.assert_close(forked, quantiles[rows], rtol=1e-5, atol=1e-4)
        _, state = model.sequence(values, times, torch.tensor(lengths), initial(model, 4))
        torch.testing.assert_close(fork.state, state, equal_nan=True, rtol=1e-5, atol=1e-4)


@torch.no_grad()
def test_the_future_cannot_reach_the_past(model: Forecaster) -> None:
    values, times = readings(50, 2, seed=11)
    changed = values.clone()
    changed[:, 30:] = 1e6
    lengths = torch.full((2,), 50)
    before, after = (model.fork(each, times, lengths, initial(model, 2)) for each in (values, changed))
    assert torch.equal(before.quantiles[:, :30], after.quantiles[:, :30])
    assert not torch.equal(before.quantiles[:, 30:], after.quantiles[:, 30:])


@torch.no_grad()
def test_quantiles_never_cross_and_are_finite_even_with_nothing_but_missing_readings(model: Forecaster) -> None:
    for seed, level in enumerate((0.0, 1e-6, 1e8)):
        values, times = readings(30, 4, seed, level)
        values[0] = float("nan")
        values[1] = 7.0  # constant
        for length in (0, 1, 2, 30):
            quantiles, _ = model.sequence(values, times, torch.full((4,), length), initial(model, 4))
            assert torch.all(torch.isfinite(quantiles))
            assert torch.all(quantiles.diff(dim=-1) >= 0)


@torch.no_grad()
def test_a_meter_register_keeps_its_decimals(model: Forecaster) -> None:
    values, times = readings(100, 2, seed=3, level=0.0)
    lengths = torch.full((2,), 100)
    low, _ = model.sequence(values, times, lengths, initial(model, 2))
    raised = values.clone()
    raised[:, :, 0] += 1e8
    high, _ = model.sequence(raised, times, lengths, initial(model, 2))
    spread_low, spread_high = low - low[:, :1, 1:2], high - high[:, :1, 1:2]
    assert (
        high - 1e8 - low
    ).abs().max() < 5.0  # level-dependent features may differ, the register's size must not show
    assert spread_high.abs().max() < 3 * spread_low.abs().max() + 1.0


@torch.no_grad()
def test_a_primed_state_knows_the_window_as_a_streamed_one_does(model: Forecaster) -> None:
    values, times = readings(model.window, 3, seed=21)
    primed = model.primed(values)
    _, streamed = model.sequence(values, times, torch.full((3,), model.window), initial(model, 3))
    ring = slice(model.recurrent, model.recurrent + model.window)
    anchor = model.recurrent + model.window
    a = primed[:, ring].double() + primed[:, anchor : anchor + 1].double()
    b = streamed[:, ring].double() + streamed[:, anchor : anchor + 1].double()
    torch.testing.assert_close(a, b, equal_nan=True, rtol=0, atol=1e-5)


def test_the_layout_covers_the_row_without_holes(model: Forecaster) -> None:
    assert model.layout[0].start == 0
    assert model.layout[-1].stop == model.state_size == len(model.initial())
    for left, right in zip(model.layout, model.layout[1:], strict=False):
        assert left.stop == right.start


@torch.no_grad()
def test_gates_are_as_many_as_promised_and_lie_in_their_ranges(model: Forecaster) -> None:
    values, times = readings(1, 3, seed=2)
    _, _, gates = model.step(values[:, 0], times[:, 0], initial(model, 3))
    assert gates.shape == (3, model.gate_count)
    assert torch.all(gates.abs() <= 1)
