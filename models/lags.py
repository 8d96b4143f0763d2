"""The seasonal naive continuation of a window, by places, and the mean of its seasons."""

from __future__ import annotations

import torch
from torch import Tensor


def naive_positions(lags: tuple[int, ...], window: int, horizon: int) -> Tensor:
    """Places in a window, (lags, horizon), of the last full season: y[t + h - lag * ceil(h / lag)]."""
    ahead = range(1, horizon + 1)
    return torch.tensor([[window - 1 + h - lag * -(-h // lag) for h in ahead] for lag in lags], dtype=torch.int64)


class SeasonalMean:
    """The mean of the shortest seasons in a window, phase by phase, as it goes on: what is missing is left out.

    A single season repeats its own noise; the mean of seven has a seventh of its variance where the pattern stays.
    NaN for a phase that has no reading in the whole window.
    """

    def __init__(self, lag: int, window: int, horizon: int) -> None:
        self.lag = lag
        self.seasons = window // lag
        self.window = window
        self.horizon = horizon

    def of_window(self, residuals: Tensor, phases: Tensor) -> Tensor:
        """Of one window a row, (batch, window) -> (batch, horizon); `phases` (horizon,) are 0, 1, …, lag - 1, 0, …"""
        whole = residuals[:, self.window - self.seasons * self.lag :].reshape((-1, self.seasons, self.lag))
        return _mean(whole, 1).index_select(1, phases)

    def of_tape(self, residuals: Tensor, phases: Tensor, origins: slice) -> Tensor:
        """Of the windows that end at the origins of a tape (batch, window + time), (batch, origins, horizon)."""
        first, last = self.window + 1 - self.lag, residuals.size(1)
        shifted = [residuals[:, first - self.lag * back : last - self.lag * back] for back in range(self.seasons)]
        means = _mean(torch.stack(shifted, 0), 0)  # (batch, time + lag - 1): of each reading and those seasons before
        return means.unfold(1, self.lag, 1)[:, origins].index_select(2, phases)


def _mean(residuals: Tensor, over: int) -> Tensor:
    """The mean of what is not missing; of nothing it is NaN."""
    seen = ~torch.isnan(residuals)
    return torch.where(seen, residuals, 0.0).sum(over) / seen.to(residuals.dtype).sum(over)
