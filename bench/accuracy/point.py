"""One number for each step ahead, out of quantiles: their median, or the mean that they imply."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

MEDIAN, MEAN = "median", "mean"


def implied_mean(quantiles: Array, levels: tuple[float, ...]) -> Array:
    """The mean of the distribution whose quantile function joins these by straight lines, (…, levels) -> (…).

    It is the integral of that function over the levels; beyond the outermost ones it stays as it is there.
    """
    edges = np.concatenate([[0.0], (np.array(levels)[1:] + np.array(levels)[:-1]) / 2, [1.0]])
    return np.asarray(quantiles @ np.diff(edges))


class PointError:
    """The squared errors of both on the same targets."""

    def __init__(self, levels: tuple[float, ...]) -> None:
        self._levels = levels
        self._median = levels.index(0.5)
        self._sums = {MEDIAN: 0.0, MEAN: 0.0}

    def add(self, quantiles: Array, target: Array, deviation: float) -> None:
        """quantiles (origins, horizon, levels), target (origins, horizon), NaN where unknown; errors in deviations."""
        points = {MEDIAN: quantiles[:, :, self._median], MEAN: implied_mean(quantiles, self._levels)}
        for name, point in points.items():
            self._sums[name] += float(np.nansum(((point - target) / deviation) ** 2))

    @property
    def better(self) -> str:
        """The one with the smaller error; the median where they are alike."""
        return MEAN if self._sums[MEAN] < self._sums[MEDIAN] else MEDIAN
