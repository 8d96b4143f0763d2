"""Seasonal lags: what stood a season before a step, and the seasonal naive continuation of a window."""

from __future__ import annotations

import torch
from torch import Tensor


def lagged(tape: Tensor, lag: int, time: int) -> Tensor:
    """For each of the last `time` steps of `tape` (batch, window + time): the value `lag` steps before the NEXT one."""
    first = tape.size(1) - time + 1 - lag
    return tape[:, first : first + time]  # (batch, time)


def naive_positions(lags: tuple[int, ...], window: int, horizon: int) -> Tensor:
    """Places in a window, (lags, horizon), of the last full season: y[t + h - lag * ceil(h / lag)]."""
    ahead = range(1, horizon + 1)
    return torch.tensor([[window - 1 + h - lag * -(-h // lag) for h in ahead] for lag in lags], dtype=torch.int64)
