"""Rolling origins: the forecasts are those of a stream, on held-out readings alone."""

from __future__ import annotations

from dataclasses import replace
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
import torch
from rich.console import Console

from datasets.frequency import Frequency
from models.evaluation import rolling
from models.evaluation.backtest import Backtest, Comparison, backtest
from models.evaluation.metrics import Metrics
from models.evaluation.panel import Panel, Stretch
from models.evaluation.plots import plot_forecast
from models.evaluation.report import comparison_table, lag_name, shortfall
from models.evaluation.rolling import Span, roll
from models.forecaster import Forecaster
from tests.models.panels import SEASON, small_panel

TOLERANCE = 1e-4  # of the series' deviation: float32 along some hundred steps


def streamed(model: Forecaster, stretch: Stretch, origin: int) -> np.ndarray:
    """The forecast after reading the series up to `origin`, one step after the other."""
    state = model.initial().unsqueeze(0)
    values, times = torch.from_numpy(stretch.values), torch.from_numpy(stretch.times)
    with torch.no_grad():
        for place in range(origin + 1):
            quantiles, state, _ = model.step(values[place : place + 1], times[place : place + 1], state)
    return quantiles[0].numpy()


@pytest.mark.parametrize("numbers", [1, 900, 4_000_000])
def test_rolled_forecasts_are_those_of_a_stream(
    forecaster: Forecaster, monkeypatch: pytest.MonkeyPatch, numbers: int
) -> None:
    monkeypatch.setattr(rolling, "NUMBERS", numbers)
    monkeypatch.setattr(rolling, "CHUNK", 37)
    panel = small_panel(series=3, length=120)
    spans = [Span(stretch, 90 + 3 * row, 100 + row) for row, stretch in enumerate(panel.series)]
    found: list[dict[int, np.ndarray]] = [{} for _ in spans]
    for piece in roll(forecaster, spans):
        for row, quantiles in enumerate(piece.in_units().numpy()):
            found[piece.span][piece.first + row] = quantiles
    for span, forecasts in zip(spans, found, strict=True):
        assert sorted(forecasts) == list(range(span.first, span.last + 1))
        expected = streamed(forecaster, span.stretch, span.last)
        np.testing.assert_allclose(forecasts[span.last], expected, atol=TOLERANCE * span.stretch.values.std())


def test_a_run_in_from_a_context_fills_the_window(forecaster: Forecaster) -> None:
    stretch = small_panel(series=1).series[0]
    short = next(roll(forecaster, [Span(stretch, 150, 150)], context=60))
    whole = next(roll(forecaster, [Span(stretch, 150, 150)]))
    assert short.level.item() == pytest.approx(whole.level.item())  # the window is the same
    np.testing.assert_allclose(short.in_units(), whole.in_units(), atol=0.2 * stretch.values.std())  # the memory is not


def test_every_origin_with_its_whole_horizon_in_the_held_out_end_is_compared(forecaster: Forecaster) -> None:
    result = backtest(forecaster, small_panel(series=2, held_out=24), SEASON)
    assert result.ours.metrics.forecasts == 2 * (24 - 6 + 1)
    assert result.ours.metrics.targets == 2 * (24 - 6 + 1) * 6
    assert {naive.metrics.targets for naive in result.naives.values()} == {result.ours.metrics.targets}


def test_one_horizon_held_out_is_one_origin(forecaster: Forecaster) -> None:
    result = backtest(forecaster, small_panel(series=1, held_out=6), SEASON)
    assert result.ours.metrics.forecasts == 1


def test_without_a_seasonal_naive_there_is_nothing_to_beat(forecaster: Forecaster) -> None:
    result = backtest(forecaster, small_panel(series=1), SEASON)
    nothing = Comparison("none", Metrics(None, None, None, None, None, 0, 0), ())
    assert not replace(result, naives={24: nothing}).beats_naive
    worse = Comparison("worse", Metrics(1e9, None, None, None, None, 1, 1), ())
    assert replace(result, naives={24: nothing, 4: worse}).beats_naive


def test_what_keeps_it_from_beating_the_naive_is_said_as_it_is(forecaster: Forecaster) -> None:
    result = backtest(forecaster, small_panel(series=1), SEASON)
    nothing = Comparison("none", Metrics(None, 0.0, None, None, None, 1, 6), ())
    better = Comparison("better", Metrics(1e-9, None, None, None, None, 1, 6), ())
    worse = Comparison("worse", Metrics(1e9, None, None, None, None, 1, 6), ())
    assert shortfall(replace(result, naives={24: worse}), SEASON) is None
    assert "The seasonal naive is better" in str(shortfall(replace(result, naives={24: better}), SEASON))
    alike = replace(result.ours, name="alike")
    assert "The seasonal naive is as good" in str(shortfall(replace(result, naives={24: alike}), SEASON))
    assert "No seasonal naive has a forecast" in str(shortfall(replace(result, naives={24: nothing}), SEASON))
    scaleless = str(shortfall(replace(result, ours=nothing, naives={24: nothing}), SEASON))
    assert "There is no MASE to compare: errors are scaled by how readings 24 steps apart differ" in scaleless


def test_nothing_to_test_on_is_an_error(forecaster: Forecaster) -> None:
    with pytest.raises(ValueError, match="no series has 6 held-out readings"):
        backtest(forecaster, small_panel(series=1, held_out=5), SEASON)


def test_the_scale_knows_nothing_of_the_held_out_end(forecaster: Forecaster) -> None:
    panel = small_panel(series=1)
    changed = panel.series[0].values.copy()
    changed[panel.validation_end[0] :] += 1_000.0
    other = Panel((Stretch(changed, panel.series[0].times),), panel.train_end, panel.validation_end)
    before, after = (backtest(forecaster, data, SEASON).naives[24].by_step[0] for data in (panel, other))
    assert after > before + 50  # by the error alone, in the same scale


def test_missing_readings_are_not_counted(forecaster: Forecaster) -> None:
    panel = small_panel(series=1, held_out=6)
    panel.series[0].values[-2, 0] = np.nan
    metrics = backtest(forecaster, panel, SEASON).ours.metrics
    assert metrics.targets == 5
    assert metrics.mase is not None


@pytest.fixture(scope="module")
def result(forecaster: Forecaster) -> Backtest:
    return backtest(forecaster, small_panel(), SEASON)


def test_the_table_has_a_row_for_each_season(result: Backtest) -> None:
    console = Console(record=True, width=100, file=StringIO())
    console.print(comparison_table(result, Frequency.parse("1h")))
    text = console.export_text()
    assert "gatecast" in text
    assert "seasonal naive, a day" in text
    assert "seasonal naive, 4 steps" in text
    assert f"{result.ours.metrics.mase:.3f}" in text


@pytest.mark.parametrize(
    ("frequency", "lag", "name"),
    [
        ("30min", 336, "a week"),
        ("1mo", 12, "a year"),
        ("1", 7, "7 steps"),
        ("1d", 1, "a day"),
    ],
)
def test_lags_have_names(frequency: str, lag: int, name: str) -> None:
    assert lag_name(lag, Frequency.parse(frequency)) == name


@pytest.mark.parametrize("frequency", ["1h", "1"])
def test_the_forecast_is_drawn(forecaster: Forecaster, result: Backtest, frequency: str, tmp_path: Path) -> None:
    file = tmp_path / "forecast.png"
    plot_forecast(forecaster, small_panel(), result, Frequency.parse(frequency), "y", file)
    assert file.read_bytes().startswith(b"\x89PNG")
