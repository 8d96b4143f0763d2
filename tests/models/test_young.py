"""A session that has just begun: honest bands from its first reading on, and nothing else once it has seen a season."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from models.evaluation.panel import Panel, Stretch
from models.forecaster import Forecaster
from models.registry import build
from models.training.loop import Training
from models.training.settings import TrainingSettings
from models.training.spread import implied_spread
from models.training.trainer import prepare
from models.transform import Transform
from tests.conftest import HOUR, START, daily_wave, small_config, taught

SPREAD = (0.3, 2.0)
TOLERANCE = 1e-5


def readings(length: int, rows: int = 3, level: float = 50.0) -> tuple[Tensor, Tensor]:
    values = np.stack([daily_wave(length, seed=row, level=level) for row in range(rows)])[:, :, None]
    times = START + HOUR * np.tile(np.arange(length), (rows, 1))
    return torch.from_numpy(values), torch.from_numpy(times)


def scales(model: Forecaster, values: Tensor, times: Tensor) -> Tensor:
    """Of each step's window, (rows, time)."""
    lengths = torch.full((len(values),), values.shape[1])
    return model.fork(values, times, lengths, model.initial().repeat(len(values), 1)).scale


@pytest.fixture(scope="module")
def model() -> Forecaster:
    torch.manual_seed(0)
    return taught(build(small_config(spread=SPREAD)))


@torch.no_grad()
def test_after_one_reading_a_window_is_as_wide_as_windows_come_to_and_after_a_season_as_wide_as_it_is(
    model: Forecaster,
) -> None:
    values, times = readings(60)
    plain = build(small_config())
    with_spread, without = scales(model, values, times), scales(plain, values, times)
    torch.testing.assert_close(with_spread[:, 0], 0.3 * values[:, 0, 0].abs())
    assert torch.all(with_spread[:, :23] > without[:, :23])
    assert torch.equal(with_spread[:, 23:], without[:, 23:])  # to the bit


@torch.no_grad()
def test_near_zero_a_young_window_is_as_wide_as_nearly_all_series_are(model: Forecaster) -> None:
    values, times = readings(3)
    values[:, 0] = 0.0
    torch.testing.assert_close(scales(model, values, times)[:, 0], torch.full((3,), 2.0, dtype=torch.float64))


@torch.no_grad()
@pytest.mark.parametrize("scaling", ["standard", "min-max", "mean-absolute", "none"])
def test_a_young_window_is_the_same_streamed_chunked_and_whole(scaling: str) -> None:
    torch.manual_seed(1)
    model = build(small_config(spread=SPREAD, scaling=scaling)).eval()
    values, times = readings(40)
    values[:, 5:9] = float("nan")
    for length in (1, 2, 7, 23, 40):
        whole, _ = model.sequence(values, times, torch.full((3,), length), model.initial().repeat(3, 1))
        state = model.initial().repeat(3, 1)
        for at in range(length):
            streamed, state, _ = model.step(values[:, at], times[:, at], state)
        half = torch.full((3,), length // 2)
        _, middle = model.sequence(values, times, half, model.initial().repeat(3, 1))
        rest = slice(length // 2, length)
        chunked, _ = model.sequence(values[:, rest], times[:, rest], torch.full((3,), length) - half, middle)
        for found in (streamed, chunked):
            assert torch.all((found - whole).abs() <= TOLERANCE * (10.0 + whole.abs()))


def test_the_spread_is_that_of_the_training_parts_windows() -> None:
    random = np.random.default_rng(0)
    series = [level + deviation * random.normal(size=2_000) for level, deviation in ((100, 10), (1_000, 100), (10, 1))]
    stretches = tuple(Stretch(each[:, None], START + HOUR * np.arange(2_000)) for each in series)
    panel = Panel(stretches, (1_500,) * 3, (1_600,) * 3)
    relative, absolute = implied_spread(panel, 168)
    assert relative == pytest.approx(0.1, rel=0.1)
    assert 1 < absolute < 10
    assert implied_spread(panel.before_test(), 168) == (relative, absolute)
    under, least = implied_spread(panel, 168, Transform(1.0))
    assert under == pytest.approx(0.1, rel=0.15)  # of a logarithm: relative already
    assert least == pytest.approx(0.1, rel=0.15)
    flat = Panel((Stretch(np.ones((50, 1)), np.arange(50)),), (40,), (45,))
    assert implied_spread(flat, 24) == (0.0, 0.0)


def trained(**changes: object) -> Training:
    series = tuple(
        Stretch(daily_wave(400, seed=row, level=20.0 + 10 * row)[:, None], START + HOUR * np.arange(400))
        for row in range(6)
    )
    panel = Panel(series, (320,) * 6, (360,) * 6)
    settings = TrainingSettings(steps=120, batch=24, shortest=24, longest=72, warm_up=10, validate_every=60, rate=1e-2)
    config = replace(small_config(lags=(24,), hidden=16, layers=1), **changes)  # type: ignore[arg-type]
    training = prepare(panel, config, settings, 24)
    training.run(lambda _: None, lambda _: None)
    return training


def covered(model: Forecaster, count: int) -> float:
    """Share of what follows the first `count` readings of series that nobody has seen, in the 80 % band."""
    values, times = readings(48, rows=96, level=45.0)
    first = torch.arange(96) % 24  # sessions begin at every hour of the day
    places = first.unsqueeze(1) + torch.arange(count + 6)
    series, clock = values[:, :, 0].gather(1, places), times.gather(1, places)
    with torch.inference_mode():
        begun = series[:, :count].unsqueeze(2), clock[:, :count], torch.full((96,), count)
        quantiles, _ = model.sequence(*begun, model.initial().repeat(96, 1))
    ahead = series[:, count:]
    return float(((quantiles[:, :, 0] <= ahead) & (ahead <= quantiles[:, :, -1])).double().mean())


def test_a_trained_forecaster_is_not_sure_of_itself_after_two_readings_and_was_without_this() -> None:
    honest, sure = trained(spread=None).model, trained(spread=(0.0, 0.0)).model
    assert honest.config.spread not in (None, (0.0, 0.0))
    found = {count: (covered(honest, count), covered(sure, count)) for count in (1, 2, 3, 6)}
    assert all(share > 0.65 for share, _ in found.values()), found
    assert found[2][1] < found[2][0] - 0.1, found
