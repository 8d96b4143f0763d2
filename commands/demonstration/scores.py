"""Running errors of the forecasts beside the seasonal naives' on the same readings, and how often the band held."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from gatecast_client import Forecast
from numpy.typing import NDArray

from commands.band import Band


@dataclass(frozen=True)
class Error:
    """Mean absolute errors over the same readings."""

    ahead: int  # steps
    count: int
    ours: float
    naive: float
    lag: int  # steps; of the seasonal naive with the smallest error

    @property
    def gain(self) -> float:
        """The share of the naive's error that the forecast saves."""
        return 1 - self.ours / self.naive if self.naive > 0 else float("nan")


class Scores:
    """Takes forecasts and readings in their order and keeps sums."""

    def __init__(self, history: NDArray[np.float64], lags: Sequence[int], aheads: Sequence[int], band: Band | None):
        self.aheads = tuple(aheads)
        self._values = list(history.tolist())  # all readings by step
        self._lags = tuple(lags)
        self._band = band
        self._promised: dict[tuple[int, int], float] = {}  # (step, ahead): median
        self._bands: dict[int, tuple[float, float]] = {}  # one step ahead, by step
        self._sums = {ahead: np.zeros(1 + len(self._lags)) for ahead in aheads}  # ours, then the naives'
        self._counts = dict.fromkeys(aheads, 0)
        self._inside = self._banded = 0

    def forecast(self, step: int, forecast: Forecast) -> None:
        """What the service expects after the reading `step`."""
        for ahead in self.aheads:
            self._promised[step + ahead, ahead] = forecast.median[ahead - 1]
        if self._band is not None:
            self._bands[step + 1] = forecast.quantile(self._band.low)[0], forecast.quantile(self._band.high)[0]

    def reading(self, step: int, y: float) -> None:
        """A reading that came in: the forecasts made for it are scored. Steps follow one another."""
        if step != len(self._values):
            raise ValueError(f"step {len(self._values)} was expected next, got {step}")
        for ahead in self.aheads:
            median = self._promised.pop((step, ahead), np.nan)
            points = np.array([median, *(self._naive(step, ahead, lag) for lag in self._lags)])
            errors = np.abs(points - y)
            if np.isfinite(errors).all():
                self._sums[ahead] += errors
                self._counts[ahead] += 1
        low, high = self._bands.pop(step, (np.nan, np.nan))
        if np.isfinite([low, high, y]).all():
            self._banded += 1
            self._inside += low <= y <= high
        self._values.append(y)

    def error(self, ahead: int) -> Error | None:
        """The errors so far, None before the first."""
        count = self._counts[ahead]
        if not count:
            return None
        ours, *naives = (self._sums[ahead] / count).tolist()
        best = int(np.argmin(naives))
        return Error(ahead, count, ours, naives[best], self._lags[best])

    @property
    def inside(self) -> float | None:
        """The share of readings that fell into the band of one step ahead."""
        return self._inside / self._banded if self._banded else None

    def _naive(self, step: int, ahead: int, lag: int) -> float:
        """What stood whole seasons before `step`, known `ahead` steps before; an earlier season where it is missing."""
        at = step - lag * -(-ahead // lag)
        while at >= 0:
            if np.isfinite(self._values[at]):
                return float(self._values[at])
            at -= lag
        return float("nan")
