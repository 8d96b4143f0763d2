"""Scaling and missing readings: the formulas beside plain numpy, causal, and the same streamed, cut or whole."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from models.missing import forward_filled
from models.scaling import FIRST_SPREAD, KINDS, RELATIVE_FLOOR, Scaling
from tests.models.series import drawn, fresh, rows

WINDOW = 9
MODELS = {(kind, missing): drawn("gru", scaling=kind, missing=missing, layers=1) for kind in KINDS for missing in
          ("mask", "forward")}  # fmt: skip


def figures(kind: str, seen: np.ndarray, anchor: float) -> tuple[float, float]:
    """Level and scale of the readings `seen` of a window, in the words of the documentation."""
    if len(seen) == 0:
        return 0.0, 1.0
    if kind == "none":
        return 0.0, 1.0
    if kind == "mean-absolute":
        return 0.0, float(np.abs(seen).mean()) or 1.0
    residual = seen - anchor
    if kind == "min-max":
        level, floor = seen.min(), RELATIVE_FLOOR * max(abs(residual.min()), abs(residual.max()))
        scale = np.ptp(seen) + floor
    else:
        level = seen.mean()
        scale = np.sqrt(seen.var() + RELATIVE_FLOOR**2 * (residual**2).mean())
    return float(level), float(FIRST_SPREAD * abs(level) if len(seen) == 1 else scale)


@settings(max_examples=60, deadline=None)
@given(
    kind=st.sampled_from(KINDS),
    seed=st.integers(0, 9_999),
    missing=st.sampled_from([0.0, 0.3, 0.8, 1.0]),
    anchor=st.sampled_from([0.0, 20.0, -3.5]),
)
def test_level_and_scale_are_those_of_the_window_in_both_forms(
    kind: str, seed: int, missing: float, anchor: float
) -> None:
    random = np.random.default_rng(seed)
    residual = random.normal(0, 4, (2, WINDOW + 12)).astype(np.float32)
    residual[random.random(residual.shape) < missing] = np.nan
    scaling, anchors = Scaling(kind), torch.full((2, 1), anchor)
    tape = torch.from_numpy(residual)
    statistics = scaling.of_tape(tape, WINDOW, anchors)
    level, scale = scaling.absolute(statistics, anchors)
    for row in range(2):
        for step in range(12):
            window = residual[row, step + 1 : step + 1 + WINDOW].astype(np.float64)
            seen = anchor + window[~np.isnan(window)]
            expected = figures(kind, seen, anchor)
            ring = torch.from_numpy(residual[row : row + 1, step + 1 : step + 1 + WINDOW].copy())
            alone = scaling.of_ring(ring, anchors[:1])
            own = scaling.absolute(alone, anchors[:1, 0])
            assert statistics.count[row, step] == alone.count[0] == len(seen)
            for found in ((level[row, step], scale[row, step]), (own[0][0], own[1][0])):
                np.testing.assert_allclose([float(each) for each in found], expected, rtol=1e-6, atol=1e-9)


def test_an_unknown_scaling_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="unknown scaling 'robust'; choose among standard, min-max"):
        Scaling("robust")


def agree(found: tuple[Tensor, Tensor], expected: tuple[Tensor, Tensor]) -> None:
    torch.testing.assert_close(found[0], expected[0], rtol=1e-4, atol=1e-3)
    assert torch.equal(torch.isnan(found[1]), torch.isnan(expected[1]))
    torch.testing.assert_close(found[1], expected[1], rtol=1e-4, atol=1e-4, equal_nan=True)


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


@pytest.mark.parametrize("kind", KINDS)
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
    if kind in ("none", "mean-absolute"):  # the others' floor is relative to the anchor, which moves with readings
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
