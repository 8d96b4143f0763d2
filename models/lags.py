"""The seasonal naive continuation of a window, by places."""

from __future__ import annotations

import torch
from torch import Tensor


def naive_positions(lags: tuple[int, ...], window: int, horizon: int) -> Tensor:
    """Places in a window, (lags, horizon), of the last full season: y[t + h - lag * ceil(h / lag)]."""
    ahead = range(1, horizon + 1)
    return torch.tensor([[window - 1 + h - lag * -(-h // lag) for h in ahead] for lag in lags], dtype=torch.int64)
