"""Causal scaling: level and scale of the last window of readings, the same for a tape and for a ring."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from models.transform import STRAIGHT, Transform

RELATIVE_FLOOR = 1e-4  # of the residuals' size: far above the rounding of the sums, far below any real deviation
TINY = 1e-30
FIRST_SPREAD = 0.1  # deviation assumed from one reading alone, relative to it
KINDS = ("standard", "min-max", "mean-absolute", "none")


@dataclass(frozen=True)
class Statistics:
    """Of each window, float64: its level relative to the anchor, its deviation, and how many readings it has."""

    mean: Tensor
    deviation: Tensor
    count: Tensor

    def of_one_step(self) -> Statistics:
        """From (batch,) to (batch, 1)."""
        return Statistics(self.mean.unsqueeze(1), self.deviation.unsqueeze(1), self.count.unsqueeze(1))


class Scaling:
    """How the readings of a window give the level and the scale in which the model sees them.

    standard: mean and standard deviation; min-max: the smallest reading and the range; mean-absolute: zero and the mean
    of the absolute readings; none: zero and one, for series that are of one size already.
    """

    def __init__(self, kind: str) -> None:
        if kind not in KINDS:
            raise ValueError(f"unknown scaling {kind!r}; choose among {', '.join(KINDS)}")
        self.kind = kind

    def of_ring(self, ring: Tensor, anchor: Tensor) -> Statistics:
        """Of residuals `ring` (batch, window), NaN where missing, from `anchor` (batch, 1); each (batch,)."""
        seen = ~torch.isnan(ring)
        residual = torch.where(seen, ring, torch.zeros_like(ring)).to(torch.float64)
        count = seen.to(torch.float64).sum(1)
        some = count.clamp(min=1.0)
        if self.kind == "standard":
            mean = residual.sum(1) / some
            centred = torch.where(seen, residual - mean.unsqueeze(1), torch.zeros_like(residual))
            variance = (centred * centred).sum(1) / some
            return Statistics(mean, torch.sqrt(variance + RELATIVE_FLOOR**2 * (variance + mean * mean)), count)
        if self.kind == "min-max":
            low = torch.where(seen, residual, torch.full_like(residual, float("inf"))).amin(1)
            high = torch.where(seen, residual, torch.full_like(residual, float("-inf"))).amax(1)
            return _ranged(low, high, count)
        size = torch.where(seen, residual + anchor.to(torch.float64), torch.zeros_like(residual)).abs().sum(1) / some
        return self._from_zero(size, count, anchor.squeeze(1))

    def of_tape(self, tape: Tensor, window: int, anchor: Tensor) -> Statistics:
        """The same for each window of `tape` (batch, window + time) that ends at one of its last `time` steps.

        Sums of a window are differences of cumulative sums, in float64; residuals are from an anchor, so little
        cancels. Each (batch, time).
        """
        seen = ~torch.isnan(tape)
        residual = torch.where(seen, tape, torch.zeros_like(tape)).to(torch.float64)
        count = windowed_sum(seen.to(torch.float64), window)
        some = count.clamp(min=1.0)
        if self.kind == "standard":
            mean = windowed_sum(residual, window) / some
            square = windowed_sum(residual * residual, window) / some
            variance = (square - mean * mean).clamp(min=0.0)
            return Statistics(mean, torch.sqrt(variance + RELATIVE_FLOOR**2 * square), count)
        if self.kind == "min-max":
            low = torch.where(seen, residual, torch.full_like(residual, float("inf")))
            high = torch.where(seen, residual, torch.full_like(residual, float("-inf")))
            return _ranged(low.unfold(1, window, 1)[:, 1:].amin(2), high.unfold(1, window, 1)[:, 1:].amax(2), count)
        size = torch.where(seen, residual + anchor.to(torch.float64), torch.zeros_like(residual)).abs()
        return self._from_zero(windowed_sum(size, window) / some, count, anchor)

    def _from_zero(self, size: Tensor, count: Tensor, anchor: Tensor) -> Statistics:
        mean = torch.zeros_like(size) - anchor.to(torch.float64)
        one = torch.ones_like(size)
        return Statistics(mean, one if self.kind == "none" else torch.where(size > 0, size, one), count)

    def absolute(
        self, statistics: Statistics, anchor: Tensor, transform: Transform = STRAIGHT
    ) -> tuple[Tensor, Tensor]:
        """Level and scale under the curve of `transform`, float64."""
        count = statistics.count
        level = anchor.to(torch.float64) + statistics.mean
        level = torch.where(count < 1.0, torch.zeros_like(level), level)  # a later reading's anchor must not show
        if self.kind in ("mean-absolute", "none"):
            return level, torch.where(count < 1.0, torch.ones_like(level), statistics.deviation).clamp(min=TINY)
        alone = FIRST_SPREAD * transform.size(level)
        scale = torch.where(count < 2.0, alone, statistics.deviation)
        scale = torch.where(count < 1.0, torch.ones_like(scale), scale)
        return level, scale.clamp(min=TINY)


def windowed_sum(tape: Tensor, window: int) -> Tensor:
    """Sums over the `window` values that end at each step after the first `window`: (batch, time)."""
    total = tape.cumsum(1)
    return total[:, window:] - total[:, : total.size(1) - window]


def _ranged(low: Tensor, high: Tensor, count: Tensor) -> Statistics:
    some = count > 0
    low = torch.where(some, low, torch.zeros_like(low))
    high = torch.where(some, high, torch.zeros_like(high))
    return Statistics(low, (high - low) + RELATIVE_FLOOR * torch.maximum(low.abs(), high.abs()), count)
