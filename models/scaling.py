"""Causal scaling: level and deviation of the last window of readings, the same for a tape and for a ring."""

from __future__ import annotations

import torch
from torch import Tensor

RELATIVE_FLOOR = 1e-4  # of the residuals' size: far above the rounding of the sums, far below any real deviation
TINY = 1e-30
FIRST_SPREAD = 0.1  # deviation assumed from one reading alone, relative to it


def ring_statistics(ring: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Mean, deviation and count of the readings in `ring` (batch, window), NaN where missing; each (batch,) float64."""
    seen = ~torch.isnan(ring)
    residual = torch.where(seen, ring, torch.zeros_like(ring)).to(torch.float64)
    count = seen.to(torch.float64).sum(1)
    some = count.clamp(min=1.0)
    mean = residual.sum(1) / some
    centred = torch.where(seen, residual - mean.unsqueeze(1), torch.zeros_like(residual))
    variance = (centred * centred).sum(1) / some
    square = variance + mean * mean
    return mean, torch.sqrt(variance + RELATIVE_FLOOR**2 * square), count


def tape_statistics(tape: Tensor, window: int) -> tuple[Tensor, Tensor, Tensor]:
    """The same for each window of `tape` (batch, window + time) that ends at one of its last `time` steps.

    Sums of a window are differences of cumulative sums, in float64; residuals are from an anchor, so little cancels.
    """
    seen = ~torch.isnan(tape)
    residual = torch.where(seen, tape, torch.zeros_like(tape)).to(torch.float64)
    count = windowed_sum(seen.to(torch.float64), window)  # (batch, time)
    some = count.clamp(min=1.0)
    mean = windowed_sum(residual, window) / some
    square = windowed_sum(residual * residual, window) / some
    variance = (square - mean * mean).clamp(min=0.0)
    return mean, torch.sqrt(variance + RELATIVE_FLOOR**2 * square), count


def windowed_sum(tape: Tensor, window: int) -> Tensor:
    """Sums over the `window` values that end at each step after the first `window`: (batch, time)."""
    total = tape.cumsum(1)
    return total[:, window:] - total[:, : total.size(1) - window]


def absolute(mean: Tensor, deviation: Tensor, count: Tensor, anchor: Tensor) -> tuple[Tensor, Tensor]:
    """Level and scale in the series' units, float64, from statistics of residuals and their anchor."""
    level = anchor.to(torch.float64) + mean
    level = torch.where(count < 1.0, torch.zeros_like(level), level)  # an anchor that a later reading set must not show
    alone = FIRST_SPREAD * level.abs()
    scale = torch.where(count < 2.0, alone, deviation)
    scale = torch.where(count < 1.0, torch.ones_like(scale), scale)
    return level, scale.clamp(min=TINY)
