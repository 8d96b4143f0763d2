"""The errors and the coverage of forecasts that come in any number of pieces."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bench.accuracy.coverage import Coverage
from bench.accuracy.measures import COVERS_80, COVERS_95, MAE, MSE, OWA, figures_of
from bench.accuracy.protocol import Protocol
from models.evaluation.metrics import BAND, WIDE_BAND, Tally, relative, seasonal_scale

Array = NDArray[np.float64]


class Score:
    """Adds up the forecasts of a protocol's windows; nothing of them is kept but sums."""

    def __init__(self, protocol: Protocol, levels: tuple[float, ...]) -> None:
        self.protocol = protocol
        self.levels = levels
        self._median = levels.index(0.5)
        self._tally = Tally(levels)
        self._errors = np.zeros(2)  # squared, absolute, in deviations
        self._count = 0
        self._missing = 0
        self._bands = {
            name: (levels.index(low), levels.index(high))
            for name, (low, high) in ((COVERS_80, BAND), (COVERS_95, WIDE_BAND))
            if low in levels and high in levels
        }
        series = len(protocol.panel.series)
        self._targets = np.zeros(series)
        self._inside = {name: np.zeros(series) for name in self._bands}

    def add(self, series: int, origins: NDArray[np.int64], quantiles: Array, point: Array | None = None) -> None:
        """Forecasts of a series from some of its origins, (origins, horizon, levels), NaN where there is none.

        `point` (origins, horizon) is what squared and absolute errors are taken of, where that is not the median.
        """
        protocol = self.protocol
        values = protocol.panel.series[series].values[:, 0]
        target = values[origins[:, None] + np.arange(1, protocol.horizon + 1)]  # (origins, horizon)
        whole = values[: protocol.panel.validation_end[series]]
        if protocol.by_window:
            instances: list[object] = [(series, int(at)) for at in origins]
            scales = np.array([seasonal_scale(values[: at + 1], protocol.season) for at in origins])
        else:
            instances = [series] * len(origins)
            scales = np.full(len(origins), seasonal_scale(whole, protocol.season))
        self._tally.add_rows(instances, target, quantiles, scales)
        known = ~np.isnan(target) & ~np.isnan(quantiles).any(2)
        self._missing += int((~known.any(1)).sum())
        self._targets[series] += known.sum()
        for name, (low, high) in self._bands.items():
            inside = (quantiles[:, :, low] <= target) & (target <= quantiles[:, :, high]) & known
            self._inside[name][series] += inside.sum()
        if protocol.deviations is not None:
            said = quantiles[:, :, self._median] if point is None else point
            error = (said - target)[known] / protocol.deviations[series]
            self._errors += [float((error**2).sum()), float(np.abs(error).sum())]
            self._count += error.size

    @property
    def missing(self) -> int:
        """Windows without a forecast: they are compared with nothing, and have to be spoken of."""
        return self._missing

    @property
    def figures(self) -> dict[str, float | None]:
        """By measure; None where one has no meaning."""
        metrics = self._tally.metrics()
        squared, absolute = self._errors / max(1, self._count)
        reference = self.protocol.reference
        return {
            **figures_of(metrics),
            OWA: relative(metrics, reference) if reference else None,
            MSE: float(squared) if self._count else None,
            MAE: float(absolute) if self._count else None,
        }

    @property
    def coverage(self) -> dict[str, Coverage]:
        """How the coverage of each band is spread over the series."""
        levels = {COVERS_80: BAND[1] - BAND[0], COVERS_95: WIDE_BAND[1] - WIDE_BAND[0]}
        return {
            name: Coverage.of(levels[name], inside, self._targets) for name, inside in self._inside.items()
        }  # fmt: skip
