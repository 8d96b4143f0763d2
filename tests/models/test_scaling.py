"""Scaling and missing readings: the formulas beside plain numpy, causal, and the same streamed, cut or whole."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import Tensor

from models.config import SCALINGS
from models.memory import Memory
from models.missing import forward_filled
from models.scaling import FIRST_SPREAD, RESOLUTION, Scaling
from models.sums import SUMS
from tests.models.series import drawn, fresh, rows

WINDOW = 9
MODELS = {(kind, missing): drawn("gru", scaling=kind, missing=missing, layers=1) for kind in SCALINGS for missing in
          ("mask", "forward")}  # fmt: skip
HIDDEN = 8  # numbers of their recurrent state


TOLERANCE = 1e-5  # |a - b| <= TOLERANCE * (deviation of the series or slice + |b|)


def figures(kind: str, seen: np.ndarray, anchor: float, shift: float) -> tuple[float, float]:
    """Level and scale of the readings `seen` of a window, in the words of the documentation."""
    if len(seen) == 0:
        return 0.0, 1.0
    if kind == "none":
        return 0.0, 1.0
    level, spread = {
        "standard": (seen.mean(), seen.std()),
        "min-max": (seen.min(), np.ptp(seen)),
        "mean-absolute": (0.0, np.abs(seen).mean()),
    }[kind]
    if len(seen) == 1 and kind != "mean-absolute":
        return float(level), float(FIRST_SPREAD * abs(level))
    return float(level), float(np.sqrt(spread**2 + RESOLUTION**2 * ((level - anchor) ** 2 + shift**2)))


@settings(max_examples=60, deadline=None)
@given(
    kind=st.sampled_from(SCALINGS),
    seed=st.integers(0, 9_999),
    missing=st.sampled_from([0.0, 0.3, 0.8, 1.0]),
    level=st.sampled_from([0.0, 20.0, -3.5, 1e6]),
)
def test_level_and_scale_are_those_of_the_window_in_both_forms(
    kind: str, seed: int, missing: float, level: float
) -> None:
    random = np.random.default_rng(seed)
    length = 3 * WINDOW
    values = level + random.normal(0, 4, (2, length))
    values[random.random(values.shape) < missing] = np.nan
    memory, scaling, target = Memory(WINDOW, fill=False), Scaling(kind), torch.from_numpy(values)
    tail = memory.initial().repeat(2, 1)
    tape, end = memory.tape(target, torch.full((2,), length), tail)
    every = scaling.of_tape(tape, WINDOW)
    anchor, former, latest = (np.full(2, np.nan, dtype=np.float32) for _ in range(3))
    for step in range(length):
        ring, tail = memory.step(target[:, step : step + 1], tail)
        last, kept = scaling.of_ring(ring, memory.places + 1), scaling.of_ring(memory.now(tail), memory.places)
        for row in range(2):
            reading = np.float32(values[row, step])
            if step % WINDOW == 0:
                former[row], anchor[row] = anchor[row], latest[row]
            if np.isnan(anchor[row]):
                anchor[row] = reading
            latest[row] = anchor[row] if np.isnan(reading) else reading
            window = values[row, max(0, step + 1 - WINDOW) : step + 1]
            seen = window[~np.isnan(window)]
            expected = figures(kind, seen, anchor[row], np.nan_to_num(np.float64(anchor[row]) - former[row]))
            for found in ([each[row, step] for each in every], [each[row, 0] for each in last]):
                assert found[0] == len(seen)
                np.testing.assert_allclose([float(each) for each in found[2:]], expected, rtol=1e-6, atol=1e-6)
            for one, other in zip(kept, last, strict=True):
                torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-9)
    sums = slice(-SUMS, None)
    assert torch.equal(end[:, :-SUMS].nan_to_num(), tail[:, :-SUMS].nan_to_num())
    torch.testing.assert_close(end[:, sums], tail[:, sums], rtol=1e-6, atol=1e-3 * WINDOW)


def test_an_unknown_scaling_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="unknown scaling 'robust'; choose among standard, min-max"):
        Scaling("robust")


def agree(found: tuple[Tensor, Tensor], expected: tuple[Tensor, Tensor], spread: float = 7.0) -> None:
    """Forecasts to the tolerance of the series, states to that of their units; NaN only where NaN is expected."""
    assert torch.all((found[0] - expected[0]).abs() <= TOLERANCE * (spread + expected[0].abs()))
    assert torch.equal(torch.isnan(found[1]), torch.isnan(expected[1]))
    a, b = found[1].nan_to_num(), expected[1].nan_to_num()
    hidden, memory = slice(0, HIDDEN), slice(HIDDEN, None)
    assert torch.all((a - b)[:, hidden].abs() <= TOLERANCE * (0.3 + b[:, hidden].abs()))
    assert torch.all((a - b)[:, memory].abs() <= TOLERANCE * (spread + b[:, memory].abs()))


def troubled(length: int, batch: int, seed: int, trouble: str) -> Tensor:
    """What meters do: they stand still, jump to another level, or fall silent, for longer than a window."""
    random = np.random.default_rng(seed)
    values = rows(length, batch, missing=0.0, seed=seed)[0].numpy()
    for row in range(batch):
        start, stop = sorted(random.integers(0, length + 1, 2))
        values[row, start:stop, 0] = {
            "still": values[row, start - 1, 0],
            "zero": 0.0,
            "nearly still": 51.96 + 1e-4 * random.normal(size=stop - start),
            "another level": values[row, start:stop, 0] + 1e6,
            "silent": np.nan,
        }[trouble]
    return torch.from_numpy(values)


@pytest.mark.parametrize("trouble", ["still", "zero", "nearly still", "another level", "silent"])
@settings(max_examples=15, deadline=None)
@given(chosen=st.sampled_from(sorted(MODELS)), seed=st.integers(0, 999), cut=st.integers(1, 150))
@torch.no_grad()
def test_a_meter_in_trouble_streams_as_it_is_replayed(
    trouble: str, chosen: tuple[str, str], seed: int, cut: int
) -> None:
    assume(trouble != "another level" or chosen[0] != "none")  # which is for series of one size
    model, length = MODELS[chosen], 150
    values = troubled(length, 4, seed, trouble)
    times = rows(length, 4)[1]
    spread = float(np.nanstd(values))
    state, streamed = fresh(model, 4), []
    for step in range(length):
        quantiles, state, _ = model.step(values[:, step], times[:, step], state)
        streamed.append((quantiles, state))
    for end in (cut, length):
        whole = model.sequence(values[:, :end], times[:, :end], torch.full((4,), end), fresh(model, 4))
        agree(streamed[end - 1], whole, spread)
    rest = torch.full((4,), length - cut)
    if cut < length:
        before = model.sequence(values[:, :cut], times[:, :cut], torch.full((4,), cut), fresh(model, 4))[1]
        agree(model.sequence(values[:, cut:], times[:, cut:], rest, before), streamed[-1], spread)


@settings(max_examples=40, deadline=None)
@given(
    chosen=st.sampled_from(sorted(MODELS)),
    seed=st.integers(0, 999),
    missing=st.sampled_from([0.1, 0.7]),
    length=st.integers(1, 60),
    cut=st.integers(0, 60),
)
@torch.no_grad()
def test_streamed_and_cut_are_whole_for_every_scaling_and_way_with_gaps(
    chosen: tuple[str, str], seed: int, missing: float, length: int, cut: int
) -> None:
    model, cut = MODELS[chosen], min(cut, length)
    values, times = rows(length, batch=2, missing=missing, seed=seed)
    whole = model.sequence(values, times, torch.full((2,), length), fresh(model, 2))
    state = fresh(model, 2)
    for step in range(length):
        quantiles, state, _ = model.step(values[:, step], times[:, step], state)
    agree((quantiles, state), whole)
    quantiles, state = model.sequence(values, times, torch.full((2,), cut), fresh(model, 2))
    if cut < length:
        rest = torch.full((2,), length - cut)
        quantiles, state = model.sequence(values[:, cut:], times[:, cut:], rest, state)
    agree((quantiles, state), whole)


@pytest.mark.parametrize("kind", SCALINGS)
@torch.no_grad()
def test_a_gap_longer_than_the_window_is_carried_forward_streamed_cut_and_whole(kind: str) -> None:
    model = MODELS[kind, "forward"]
    values, times = rows(120, batch=2, missing=0.0)
    values[:, 20 : 20 + 3 * model.window] = float("nan")
    end = 20 + 3 * model.window
    for length in (end, end + 8):
        every = torch.full((2,), length)
        whole = model.sequence(values[:, :length], times[:, :length], every, fresh(model, 2))
        state = fresh(model, 2)
        for step in range(length):
            quantiles, state, _ = model.step(values[:, step], times[:, step], state)
        agree((quantiles, state), whole)
        state = fresh(model, 2)
        for start in range(0, length, 13):
            part = slice(start, min(start + 13, length))
            size = torch.full((2,), part.stop - part.start)
            quantiles, state = model.sequence(values[:, part], times[:, part], size, state)
        agree((quantiles, state), whole)
    by_hand = values.clone()
    by_hand[:, 20:end] = values[:, 19:20]
    filled = model.sequence(by_hand[:, :end], times[:, :end], torch.full((2,), end), fresh(model, 2))
    whole = model.sequence(values[:, :end], times[:, :end], torch.full((2,), end), fresh(model, 2))
    if kind == "none":  # the others' floor is relative to the anchor, which moves with readings
        torch.testing.assert_close(whole[0], filled[0], rtol=1e-5, atol=1e-3)


@pytest.mark.parametrize("chosen", sorted(MODELS))
@torch.no_grad()
def test_no_reading_reaches_a_forecast_before_it(chosen: tuple[str, str]) -> None:
    model = MODELS[chosen]
    values, times = rows(40, batch=2)
    changed = values.clone()
    changed[:, 25:] = -1e5
    lengths = torch.full((2,), 40)
    one, other = (model.fork(each, times, lengths, fresh(model, 2)) for each in (values, changed))
    assert torch.equal(one.quantiles[:, :25], other.quantiles[:, :25])
    assert not torch.equal(one.level[:, 25:] + one.scale[:, 25:], other.level[:, 25:] + other.scale[:, 25:]) or (
        chosen[0] == "none"
    )


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 9_999), missing=st.sampled_from([0.0, 0.5, 0.9, 1.0]), length=st.integers(1, 30))
def test_a_missing_reading_takes_the_last_one_before_it(seed: int, missing: float, length: int) -> None:
    random = np.random.default_rng(seed)
    values = random.normal(size=(3, length))
    values[random.random(values.shape) < missing] = np.nan
    expected = values.copy()
    for step in range(1, length):
        expected[:, step] = np.where(np.isnan(expected[:, step]), expected[:, step - 1], expected[:, step])
    np.testing.assert_array_equal(forward_filled(torch.from_numpy(values)).numpy(), expected)
