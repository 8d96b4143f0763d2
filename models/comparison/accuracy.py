"""The error of one trained model on the held-out end, unit by unit: series, or stretches of time where few series."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.config import ForecasterConfig
from models.evaluation.backtest import targets_of
from models.evaluation.baselines import seasonal_naive
from models.evaluation.metrics import Metrics, Tally, seasonal_scale
from models.evaluation.panel import Panel
from models.evaluation.rolling import Span, roll
from models.forecaster import Forecaster

Array = NDArray[np.float64]

FEW = 10  # series below which stretches of time are units
LEAST = 2  # horizons in such a stretch, so that what joins neighbours is small beside what is in them


@dataclass(frozen=True, eq=False)
class HeldOut:
    """The end of each series that nobody has trained on or chosen by, cut into units of whole targets.

    A unit is a series, or, of fewer than ten, a stretch of a series at least two horizons (and one season) long. Units
    share no reading that is forecast.
    """

    spans: tuple[Span, ...]
    scales: tuple[float, ...]  # of each span's series: seasonal, of the readings before its end
    blocks: tuple[int, ...]  # units in each span

    @classmethod
    def of(cls, panel: Panel, config: ForecasterConfig, season: int) -> HeldOut:
        """ValueError if the held-out end is nowhere a horizon long, or has no seasonal scale."""
        spans, scales, lengths = [], [], []
        for stretch, end in zip(panel.series, panel.validation_end, strict=True):
            scale = seasonal_scale(stretch.values[:end, 0], season)
            if len(stretch) - end >= config.horizon and np.isfinite(scale) and scale > 0:
                spans.append(Span(stretch, end - 1, len(stretch) - config.horizon - 1))
                scales.append(scale)
                lengths.append(len(stretch) - end)
        if not spans:
            raise ValueError(f"no series has {config.horizon} held-out readings, the horizon, and a seasonal scale")
        least = max(LEAST * config.horizon, season)
        blocks = [1] * len(spans) if len(spans) >= FEW else [max(1, length // least) for length in lengths]
        return cls(tuple(spans), tuple(scales), tuple(blocks))

    @property
    def units(self) -> int:
        return sum(self.blocks)

    @property
    def kind(self) -> str:
        """What a unit is, in a word or two."""
        return "series" if len(self.spans) >= FEW else "stretches of time"


@dataclass(frozen=True, eq=False)
class Errors:
    """What one model came to: scaled absolute errors of its median by unit, and the usual measures over all."""

    by_unit: Array  # (units,), NaN where nothing was read
    metrics: Metrics


def errors_of(model: Forecaster, held: HeldOut) -> Errors:
    """Every origin of the held-out end, stride 1, as a backtest takes them."""
    horizon, levels = model.config.horizon, model.config.quantiles
    median = levels.index(0.5)
    tally, sums = Tally(levels), _Sums(held)
    for piece in roll(model, held.spans):
        span = held.spans[piece.span]
        origins, target = targets_of(piece, span.stretch.values[:, 0], horizon)
        quantiles = piece.in_units().numpy()
        tally.add(piece.span, target, quantiles, held.scales[piece.span])
        sums.add(piece.span, origins, target - quantiles[:, :, median])
    return Errors(sums.means(), tally.metrics())


def naive_errors(held: HeldOut, horizon: int, lags: tuple[int, ...]) -> dict[int, float]:
    """The MASE of the seasonal naives by lag, on the same targets."""
    found = {}
    for lag in lags:
        tally = Tally((0.5,))
        for number, span in enumerate(held.spans):
            history = span.stretch.values[:, 0]
            origins = np.arange(span.first, span.last + 1)
            places = origins[:, None] + np.arange(1, horizon + 1)
            forecast = seasonal_naive(history, origins, horizon, lag)
            tally.add(number, history[places], forecast[:, :, None], held.scales[number])
        mase = tally.metrics().mase
        if mase is not None:
            found[lag] = mase
    return found


class _Sums:
    """Scaled absolute errors, added up by the unit in which the target lies."""

    def __init__(self, held: HeldOut) -> None:
        self._held = held
        self._first = np.cumsum([0, *held.blocks])[:-1]
        self._sums, self._counts = np.zeros(held.units), np.zeros(held.units)

    def add(self, number: int, origins: NDArray[np.int64], error: Array) -> None:
        """error (origins, horizon), NaN where nothing was read."""
        span, blocks = self._held.spans[number], self._held.blocks[number]
        ahead = origins[:, None] - span.first + np.arange(error.shape[1])  # steps into the held-out end
        length = (span.last - span.first + error.shape[1]) // blocks
        units = self._first[number] + np.minimum(ahead // length, blocks - 1)
        known = ~np.isnan(error)
        np.add.at(self._sums, units[known], np.abs(error[known]) / self._held.scales[number])
        np.add.at(self._counts, units[known], 1)

    def means(self) -> Array:
        with np.errstate(invalid="ignore"):
            return np.asarray(self._sums / self._counts)
