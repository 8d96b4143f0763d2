"""What every architecture in the registry promises: one function, one state, one path."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from datasets.holidays import Holidays
from models.forecaster import CannotStream, Forecaster
from models.registry import build
from tests.conftest import HOUR, START, daily_wave, known, small_config, taught
from tests.nets import NETS, REST_ONLY

TOLERANCE = 1e-5  # |a - b| <= TOLERANCE * (deviation of the series or slice + |b|)

COVARIATES = {"covariates": ("temperature",), "future": ("temperature",), "static": ("area",)}
STREAMS = [name for name in NETS if name not in REST_ONLY]
# Every other net knows holidays too, by another clock than that of the times; `readings` begin on July 1.
HOLIDAYS = {
    "holidays": Holidays(("US", "shop"), (("2014-07-01", "2014-07-04"), ("2014-07-03",)), "2014-12-31"),
    "calendar_zone": "America/New_York",
}
KNOWING_DAYS = list(NETS)[::2]
ONCE: dict[str, Forecaster] = {}


def built(name: str) -> Forecaster:
    if name not in ONCE:
        torch.manual_seed(0)
        days = HOLIDAYS if name in KNOWING_DAYS else {}
        ONCE[name] = taught(build(small_config(**NETS[name], **COVARIATES, **days)))
    return ONCE[name]


@pytest.fixture(scope="module", params=NETS)
def model(request: pytest.FixtureRequest) -> Forecaster:
    """Every net, taught with a covariate that is known ahead and a static feature."""
    return built(request.param)


@pytest.fixture(scope="module", params=STREAMS)
def streaming(request: pytest.FixtureRequest) -> Forecaster:
    """Those that stream."""
    return built(request.param)


def test_only_what_reads_both_ways_does_not_stream_and_has_neither_gates_nor_endless_histories() -> None:
    assert [name for name in NETS if not built(name).streams] == list(REST_ONLY)
    assert all(built(name).longest_history is None for name in STREAMS)
    assert {(built(name).longest_history, built(name).gate_count) for name in REST_ONLY} == {(48, 0)}


@pytest.mark.parametrize("name", REST_ONLY)
def test_a_step_of_what_does_not_stream_is_refused_by_the_name_of_what_reads_whole_histories(name: str) -> None:
    model, (values, times) = built(name), readings(1, 2, seed=0)
    with pytest.raises(CannotStream, match=r"^bi-gru reads .* `sequence` the whole history"):
        model.step(values[:, 0], times[:, 0], initial(model, 2), **extras(model, 2, 0))


def extras(model: Forecaster, batch: int, seed: int) -> dict[str, Tensor]:
    """What is known ahead and of each series, some of it not, by the names of the signature."""
    ahead, static = known(model, seed, batch, steps=1)
    assert ahead is not None
    assert static is not None
    return {"future": ahead, "static": static}


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
        bound = TOLERANCE * (deviations(model)[part.name] + b.abs()) + 1e-30
        assert torch.all((a - b).abs() <= bound), part.name


DEVIATIONS: dict[int, dict[str, float]] = {}


def deviations(model: Forecaster) -> dict[str, float]:
    """Deviation of each slice of the state along histories of many lengths: one row says nothing of a slice of one."""
    if id(model) not in DEVIATIONS:
        values, times = readings(120, batch=24, seed=7)
        states = model.sequence(values, times, torch.arange(5, 125, 5), initial(model, 24), **extras(model, 24, 7))[1]
        DEVIATIONS[id(model)] = {
            part.name: float(np.nanstd(states[:, part.start : part.stop].double().numpy())) for part in model.layout
        }
    return DEVIATIONS[id(model)]


def initial(model: Forecaster, batch: int) -> Tensor:
    return model.initial().repeat(batch, 1)


@settings(max_examples=25, deadline=None)
@given(
    length=st.integers(1, 120), batch=st.integers(1, 5), seed=st.integers(0, 999), level=st.sampled_from([0, 50, 1e8])
)
@torch.no_grad()
def test_streamed_equals_whole(streaming: Forecaster, length: int, batch: int, seed: int, level: float) -> None:
    values, times = readings(length, batch, seed, level)
    given = extras(streaming, batch, seed)
    whole = streaming.sequence(values, times, torch.full((batch,), length), initial(streaming, batch), **given)
    state = initial(streaming, batch)
    for at in range(length):
        quantiles, state, _ = streaming.step(values[:, at], times[:, at], state, **given)
    assert_same(streaming, (quantiles, state), whole, scale=10.0)


@settings(max_examples=25, deadline=None)
@given(cuts=st.lists(st.integers(1, 60), min_size=1, max_size=5), seed=st.integers(0, 999))
@torch.no_grad()
def test_chunked_equals_whole(streaming: Forecaster, cuts: list[int], seed: int) -> None:
    length = sum(cuts)
    values, times = readings(length, 2, seed)
    given = extras(streaming, 2, seed)
    whole = streaming.sequence(values, times, torch.full((2,), length), initial(streaming, 2), **given)
    state, start = initial(streaming, 2), 0
    for cut in cuts:
        part = slice(start, start + cut)
        quantiles, state = streaming.sequence(values[:, part], times[:, part], torch.full((2,), cut), state, **given)
        start += cut
    assert_same(streaming, (quantiles, state), whole, scale=10.0)


@settings(max_examples=25, deadline=None)
@given(lengths=st.lists(st.integers(0, 70), min_size=1, max_size=6), pad=st.integers(0, 9), seed=st.integers(0, 999))
@torch.no_grad()
def test_padded_equals_alone(model: Forecaster, lengths: list[int], pad: int, seed: int) -> None:
    width = max(1, *lengths, 1) + pad
    values, times = readings(width, len(lengths), seed)
    given = extras(model, len(lengths), seed)
    together = model.sequence(values, times, torch.tensor(lengths), initial(model, len(lengths)), **given)
    for row, length in enumerate(lengths):
        here, cut = slice(row, row + 1), max(1, length)
        own = {name: each[here] for name, each in given.items()}
        alone = model.sequence(values[here, :cut], times[here, :cut], torch.tensor([length]), initial(model, 1), **own)
        assert_same(model, (together[0][row : row + 1], together[1][row : row + 1]), alone, scale=10.0)


@torch.no_grad()
def test_length_zero_leaves_the_state_and_gives_the_same_forecast_again(model: Forecaster) -> None:
    values, times = readings(40, 3, seed=5)
    quantiles, state = model.sequence(values, times, torch.full((3,), 40), initial(model, 3))
    again, same = model.sequence(values[:, :1], times[:, :1], torch.zeros(3, dtype=torch.int64), state)
    assert torch.equal(state.nan_to_num(nan=-1), same.nan_to_num(nan=-1))
    torch.testing.assert_close(again, quantiles, rtol=1e-6, atol=1e-6)


@torch.no_grad()
def test_what_training_decodes_at_a_step_is_what_sequence_forecasts_there(model: Forecaster) -> None:
    values, times = readings(60, 4, seed=8)
    ahead, static = known(model, 8, rows=4, steps=60)
    assert ahead is not None
    for lengths in ([60, 41, 50, 60], [60, 7, 9, 8]):  # mostly full, and mostly padding
        fork = model.fork(values, times, torch.tensor(lengths), initial(model, 4), ahead, static)
        every = torch.arange(60).expand(4, -1) if fork.steps is None else fork.steps
        for length in (1, 7, 41, 60):
            rows, places = torch.nonzero((every == length - 1) & (torch.tensor(lengths)[:, None] >= length)).T
            future = ahead[:, length - 1 : length - 1 + model.config.horizon]
            quantiles, _ = model.sequence(values, times, torch.full((4,), length), initial(model, 4), future, static)
            level, scale = (each[rows, places, None, None] for each in (fork.level, fork.scale))
            forked = level + scale * fork.quantiles[rows, places].double()
            torch.testing.assert_close(forked, quantiles[rows], rtol=1e-5, atol=1e-4)
        _, state = model.sequence(values, times, torch.tensor(lengths), initial(model, 4), static=static)
        torch.testing.assert_close(fork.state, state, equal_nan=True, rtol=1e-5, atol=1e-4)


@settings(max_examples=8, deadline=None)
@given(lengths=st.lists(st.integers(1, 48), min_size=1, max_size=4), pad=st.integers(0, 9), seed=st.integers(0, 999))
@torch.no_grad()
def test_rows_taken_whole_are_decoded_at_their_last_steps_as_they_are_among_all_steps(
    streaming: Forecaster, lengths: list[int], pad: int, seed: int
) -> None:
    batch, time = len(lengths), max(lengths) + pad
    values, times = readings(time, batch, seed)
    ahead, static = known(streaming, seed, batch, time)
    given = (values, times, torch.tensor(lengths), initial(streaming, batch), ahead, static)
    whole, every = streaming.fork(*given, origins=None), streaming.fork(*given)
    assert whole.steps is not None
    assert whole.steps.tolist() == [[length - 1] for length in lengths]
    rows = torch.arange(batch)
    for name in ("quantiles", "level", "scale", "seen"):
        found, expected = getattr(whole, name)[:, 0], getattr(every, name)[rows, whole.steps[:, 0]]
        torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-4, msg=name)
    torch.testing.assert_close(whole.state, every.state, equal_nan=True)


@torch.no_grad()
def test_what_is_known_ahead_counts_at_its_own_step_and_what_is_static_counts_from_the_first(model: Forecaster) -> None:
    values, times = readings(40, 1, seed=4)
    given = extras(model, 1, seed=4)
    given["future"] = torch.zeros_like(given["future"])
    lengths = torch.tensor([40])
    base, state = model.sequence(values, times, lengths, initial(model, 1), **given)
    changed = {**given, "future": given["future"].clone()}
    changed["future"][0, 2] = 3.0
    found, same = model.sequence(values, times, lengths, initial(model, 1), **changed)
    assert torch.equal(state.nan_to_num(nan=-1), same.nan_to_num(nan=-1))
    moved = (found != base).any(dim=2)[0]
    assert moved.tolist() == [step == 2 for step in range(model.config.horizon)]
    unknown = torch.full_like(given["static"], float("nan"))
    other, _ = model.sequence(values, times, lengths, initial(model, 1), given["future"], unknown)
    missing, _ = model.sequence(values, times, lengths, initial(model, 1), given["future"])
    assert not torch.equal(other, base)
    assert torch.equal(other, missing)  # none given is: all unknown


@torch.no_grad()
def test_the_future_cannot_reach_the_past(streaming: Forecaster) -> None:
    values, times = readings(50, 2, seed=11)
    changed = values.clone()
    changed[:, 30:] = 1e6
    lengths = torch.full((2,), 50)
    before, after = (streaming.fork(each, times, lengths, initial(streaming, 2)) for each in (values, changed))
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
    # features of the level may differ; by the register's size, ten million times the wave's, nothing may
    assert (high - 1e8 - low).abs().max() < 10.0
    assert spread_high.abs().max() < 3 * spread_low.abs().max() + 1.0


@torch.no_grad()
def test_a_primed_state_knows_the_window_as_a_streamed_one_does(model: Forecaster) -> None:
    values, times = readings(model.window, 3, seed=21)
    primed = model.primed(values)
    _, streamed = model.sequence(values, times, torch.full((3,), model.window), initial(model, 3))
    parts = {part.name: slice(part.start, part.stop) for part in model.layout}
    rings = [name for name in parts if name.endswith("lags")]
    assert rings
    for name in rings:
        ring, anchor = parts[name], parts[name.replace("lags", "anchor")]
        a = primed[:, ring].double() + primed[:, anchor].double()
        b = streamed[:, ring].double() + streamed[:, anchor].double()
        torch.testing.assert_close(a, b, equal_nan=True, rtol=0, atol=1e-5)


def test_the_layout_covers_the_row_without_holes(model: Forecaster) -> None:
    assert model.layout[0].start == 0
    assert model.layout[-1].stop == model.state_size == len(model.initial())
    for left, right in zip(model.layout, model.layout[1:], strict=False):
        assert left.stop == right.start


@torch.no_grad()
def test_gates_are_as_many_as_promised_and_lie_in_their_ranges(streaming: Forecaster) -> None:
    values, times = readings(1, 3, seed=2)
    _, _, gates = streaming.step(values[:, 0], times[:, 0], initial(streaming, 3))
    assert gates.shape == (3, streaming.gate_count)
    assert len({part.name for part in streaming.gate_layout}) == len(streaming.gate_layout)
    assert torch.all(gates.abs() <= 1)
