"""The error measures of the forecasting literature, as running sums so that no backtest has to fit in memory."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

WEIGHTED_LEVELS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
BAND = (0.1, 0.9)  # the 80 % band
WIDE_BAND = (0.025, 0.975)  # the 95 % band


@dataclass(frozen=True)
class Metrics:
    """What a backtest comes to; None where it has no meaning (a band of a point forecast, a scale of zero)."""

    mase: float | None
    smape: float | None  # percent
    weighted_quantile_loss: float | None
    coverage_80: float | None  # share, 0 to 1
    msis_95: float | None
    forecasts: int  # origins
    targets: int  # readings that were compared
    coverage_95: float | None = None

    def to_dict(self) -> dict[str, float | int | None]:
        return asdict(self)


def seasonal_scale(history: Array, season: int) -> float:
    """Mean absolute difference of readings one season apart, in a history (time,); NaN if there is no such pair."""
    difference = np.abs(history[season:] - history[:-season])
    return float(np.nanmean(difference)) if np.isfinite(difference).any() else float("nan")


def relative(metrics: Metrics, reference: Metrics) -> float | None:
    """The competition's OWA: mean of the ratios of sMAPE and MASE to those of a reference (Naive2, say)."""
    if not (metrics.smape and metrics.mase and reference.smape and reference.mase):
        return None
    return (metrics.smape / reference.smape + metrics.mase / reference.mase) / 2


class Tally:
    """Adds up the errors of forecasts, instance by instance (a series, or a window of one, with a scale of its own).

    MASE: mean absolute error over the seasonal scale (Hyndman and Koehler 2006), the mean over instances.
    sMAPE: 200 |y - f| / (|y| + |f|) (Makridakis et al. 2020), a term of 0 where both are 0.
    Weighted quantile loss: 2 |(y - q)(1[y <= q] - level)| summed over all targets, over the sum of |y|, the mean over
    levels .1 to .9 (those that are forecast), as GluonTS and GIFT-Eval take it.
    MSIS: the interval score of the 95 % band (Gneiting and Raftery 2007) over the seasonal scale, the mean over
    instances.
    """

    def __init__(self, levels: Sequence[float]) -> None:
        """`levels` of the quantiles that will come, ascending; (0.5,) alone is a point forecast and stands for all."""
        self._levels = np.array(levels)
        self._median = tuple(levels).index(0.5)
        self._weighted = [index for index, level in enumerate(levels) if _among(level, WEIGHTED_LEVELS)]
        self._band = _places(levels, BAND)
        self._wide = _places(levels, WIDE_BAND)
        self._loss = np.zeros(len(levels))
        self._magnitude = 0.0
        self._smape = 0.0
        self._inside = self._inside_wide = 0
        self._below = np.zeros(len(levels))  # targets at or below each quantile
        self._targets = 0
        self._forecasts = 0
        self._scaled: dict[Hashable, Array] = {}  # instance -> sum of scaled errors, sum of scaled intervals, targets

    def add(self, instance: Hashable, target: Array, quantiles: Array, scale: float) -> None:
        """target (origins, horizon), NaN where unknown; quantiles (origins, horizon, levels); the instance's scale.

        An instance may come in several parts. Where a forecast is NaN nothing is compared.
        """
        self.add_rows([instance] * len(target), target, quantiles, np.full(len(target), scale))

    def add_rows(self, instances: Sequence[Hashable], target: Array, quantiles: Array, scales: Array) -> None:
        """The same for origins of many instances at once: each row's instance, and the scale of that, (origins,)."""
        known = ~np.isnan(target) & ~np.isnan(quantiles).any(2)
        y = target[known]  # (targets,)
        if y.size == 0:
            return
        forecast = np.asarray(quantiles, dtype=np.float64)[known]  # (targets, levels)
        self._targets += y.size
        self._forecasts += int(known.any(1).sum())
        median = forecast[:, self._median]
        error = np.abs(y - median)
        both = np.abs(y) + np.abs(median)
        self._smape += float(np.divide(200 * error, both, out=np.zeros_like(both), where=both > 0).sum())
        self._magnitude += float(np.abs(y).sum())
        below = y[:, None] <= forecast
        self._below += below.sum(0)
        self._loss += (2 * np.abs((y[:, None] - forecast) * (below - self._levels))).sum(0)
        self._inside += _inside(y, forecast, self._band)
        self._inside_wide += _inside(y, forecast, self._wide)
        intervals = np.zeros_like(y)
        if self._wide is not None:
            low, high = self._wide
            intervals = interval_score(y, forecast[:, low], forecast[:, high], 0.05)
        self._scale_by_instance(instances, scales, np.nonzero(known)[0], error, intervals)

    def _scale_by_instance(
        self, instances: Sequence[Hashable], scales: Array, rows: NDArray[np.int64], error: Array, intervals: Array
    ) -> None:
        names = {instance: number for number, instance in enumerate(dict.fromkeys(instances))}
        numbers = np.array([names[instance] for instance in instances])
        usable = (np.isfinite(scales) & (scales > 0))[rows]
        rows, scale = rows[usable], scales[rows][usable]
        parts = (error[usable] / scale, intervals[usable] / scale, np.ones(len(rows)))
        sums = np.stack([np.bincount(numbers[rows], part, len(names)) for part in parts], 1)  # (instances, 3)
        for instance, number in names.items():
            if sums[number, 2]:
                self._scaled[instance] = self._scaled.get(instance, np.zeros(3)) + sums[number]

    def scaled_errors(self) -> dict[Hashable, float]:
        """The scaled absolute error of each instance; their mean is the MASE."""
        return {instance: float(sums[0] / sums[2]) for instance, sums in self._scaled.items()}

    def shares_below(self) -> Array:
        """For each level the share of targets at or below its quantile, (levels,); NaN where nothing was added."""
        return self._below / self._targets if self._targets else np.full(len(self._levels), np.nan)

    def metrics(self) -> Metrics:
        """What has been added so far."""
        some = self._targets > 0
        loss = float(self._loss[self._weighted].mean()) if self._weighted else 0.0
        scaled = np.array([sums[:2] / sums[2] for sums in self._scaled.values()]).reshape(-1, 2)  # (instances, 2)
        return Metrics(
            mase=float(scaled[:, 0].mean()) if len(scaled) else None,
            smape=self._smape / self._targets if some else None,
            weighted_quantile_loss=loss / self._magnitude if self._weighted and self._magnitude > 0 else None,
            coverage_80=self._inside / self._targets if some and self._band is not None else None,
            msis_95=float(scaled[:, 1].mean()) if len(scaled) and self._wide is not None else None,
            forecasts=self._forecasts,
            targets=self._targets,
            coverage_95=self._inside_wide / self._targets if some and self._wide is not None else None,
        )


def interval_score(target: Array, lower: Array, upper: Array, alpha: float) -> Array:
    """Width of a (1 - alpha) band and 2 / alpha times how far a target lies outside it; all of one shape."""
    outside = np.maximum(lower - target, 0.0) + np.maximum(target - upper, 0.0)
    return np.asarray(upper - lower + 2 / alpha * outside)


def _inside(target: Array, forecast: Array, band: tuple[int, int] | None) -> int:
    if band is None:
        return 0
    low, high = band
    return int(((forecast[:, low] <= target) & (target <= forecast[:, high])).sum())


def _places(levels: Sequence[float], band: tuple[float, float]) -> tuple[int, int] | None:
    places = [index for index, level in enumerate(levels) if _among(level, band)]
    return (places[0], places[1]) if len(places) == 2 else None


def _among(level: float, levels: Sequence[float]) -> bool:
    return any(abs(level - other) < 1e-9 for other in levels)
