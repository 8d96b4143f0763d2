"""Rolling origins over the held-out end of every series: the forecaster beside the seasonal naives, same targets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.evaluation.baselines import seasonal_naive
from models.evaluation.metrics import Metrics, Tally, seasonal_scale
from models.evaluation.panel import Panel
from models.evaluation.rolling import Piece, Span, roll
from models.forecaster import Forecaster

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Comparison:
    """One forecaster and its errors; `by_step` is the scaled absolute error at each step ahead."""

    name: str
    metrics: Metrics
    by_step: tuple[float, ...]


@dataclass(frozen=True)
class Backtest:
    """The forecaster and the seasonal naives (by lag) on the held-out end."""

    ours: Comparison
    naives: dict[int, Comparison]

    @property
    def best_naive(self) -> Comparison:
        """The seasonal naive with the smallest error, the one to beat."""
        return min(self.naives.values(), key=lambda naive: _size(naive.metrics.mase))

    @property
    def beats_naive(self) -> bool:
        """Whether the forecaster's scaled error is smaller than that of every seasonal naive, and there is one."""
        naive = self.best_naive.metrics.mase
        return naive is not None and _size(self.ours.metrics.mase) < naive


class _Score:
    """A tally, and the scaled absolute error by the step ahead."""

    def __init__(self, levels: Sequence[float], horizon: int) -> None:
        self.tally = Tally(levels)
        self.median = tuple(levels).index(0.5)
        self.errors = np.zeros(horizon)
        self.counts = np.zeros(horizon)

    def add(self, series: int, target: Array, quantiles: Array, scale: float) -> None:
        self.tally.add(series, target, quantiles, scale)
        if np.isfinite(scale) and scale > 0:
            error = np.abs(target - quantiles[:, :, self.median]) / scale
            self.errors += np.nansum(error, axis=0)
            self.counts += np.isfinite(error).sum(0)

    def comparison(self, name: str) -> Comparison:
        by_step = self.errors / np.maximum(self.counts, 1)
        return Comparison(name, self.tally.metrics(), tuple(by_step.tolist()))


def backtest(model: Forecaster, panel: Panel, season: int) -> Backtest:
    """Every origin whose whole horizon lies in the held-out end, stride 1; errors scaled by the readings before it.

    `season` is that of the MASE's scale, in steps. ValueError if the held-out end is shorter than the horizon.
    """
    horizon, lags = model.config.horizon, model.config.lags
    spans, chosen = [], []
    for index, (stretch, end) in enumerate(zip(panel.series, panel.validation_end, strict=True)):
        if len(stretch) - end >= horizon:
            spans.append(Span(stretch, end - 1, len(stretch) - horizon - 1))
            chosen.append(index)
    if not spans:
        raise ValueError(f"no series has {horizon} held-out readings, the horizon, to test on")
    scales = [seasonal_scale(panel.series[index].values[: panel.validation_end[index], 0], season) for index in chosen]
    ours = _Score(model.config.quantiles, horizon)
    naives = {lag: _Score((0.5,), horizon) for lag in lags}
    for piece in roll(model, spans):
        history = spans[piece.span].stretch.values[:, 0]
        origins, target = targets_of(piece, history, horizon)
        ours.add(piece.span, target, piece.in_units().numpy(), scales[piece.span])
        for lag, score in naives.items():
            forecast = seasonal_naive(history, origins, horizon, lag)
            score.add(piece.span, target, forecast[:, :, None], scales[piece.span])
    return Backtest(
        ours.comparison("gatecast"),
        {lag: score.comparison(f"seasonal naive, {lag} steps") for lag, score in naives.items()},
    )


def _size(error: float | None) -> float:
    return float("inf") if error is None else error


def targets_of(piece: Piece, history: Array, horizon: int) -> tuple[NDArray[np.int64], Array]:
    """The origins of a piece, (origins,), and the readings that came after each, (origins, horizon), NaN where none."""
    origins = piece.first + np.arange(len(piece.level), dtype=np.int64)
    places = origins[:, None] + np.arange(1, horizon + 1)
    return origins, np.where(places < history.size, history[np.minimum(places, history.size - 1)], np.nan)
