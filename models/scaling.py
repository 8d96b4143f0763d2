"""Causal scaling: level and scale of the last window of readings, the same for a tape and for a ring."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from models.config import SCALINGS
from models.memory import Tape
from models.transform import STRAIGHT, Transform
from models.windows import Moments, lowest, moments

RESOLUTION = 2.0**-5  # of a distance that float32 rounds at 2**-24 of it: a scale is at least 2**19 such roundings
TINY = 1e-30
FIRST_SPREAD = 0.1  # deviation assumed from one reading alone, relative to it


@dataclass(frozen=True)
class Statistics:
    """Of each window, float64 (batch, time): its level from the tape's anchor, its scale, its number of readings."""

    mean: Tensor
    deviation: Tensor
    count: Tensor


class Scaling:
    """How the readings of a window give the level and the scale in which the model sees them.

    standard: mean and standard deviation; min-max: the smallest reading and the range; mean-absolute: zero and the mean
    of the absolute readings; none: zero and one, for series that are of one size already.

    The ring rounds a reading relative to its distance from the anchor, and again to that of the anchor's last move. In
    a window flatter than this the rounding would be all there is to see, so a scale has a floor: RESOLUTION of the
    level's distance from the anchor and of that move, added as squares.
    """

    def __init__(self, kind: str) -> None:
        if kind not in SCALINGS:
            raise ValueError(f"unknown scaling {kind!r}; choose among {', '.join(SCALINGS)}")
        self.kind = kind

    def of_last(self, tape: Tape, window: int) -> Statistics:
        """Of the window that ends a tape, (batch, 1)."""
        residuals = tape.residuals[:, -window:]
        seen = ~torch.isnan(residuals)
        count = seen.to(torch.float64).sum(1, keepdim=True)
        some = count.clamp(min=1.0)
        if self.kind == "standard":
            mean = torch.where(seen, residuals, torch.zeros_like(residuals)).sum(1, keepdim=True) / some
            centred = torch.where(seen, residuals - mean, torch.zeros_like(residuals))
            return self._standard(Moments(count, mean, (centred * centred).sum(1, keepdim=True)), tape)
        if self.kind == "min-max":
            low = torch.where(seen, residuals, torch.full_like(residuals, float("inf"))).amin(1, keepdim=True)
            high = torch.where(seen, residuals, torch.full_like(residuals, float("-inf"))).amax(1, keepdim=True)
            return self._ranged(low, high, count, tape)
        absolute = torch.where(seen, residuals + tape.anchor, torch.zeros_like(residuals)).abs()
        return self._from_zero(absolute.sum(1, keepdim=True) / some, count, tape)

    def of_each(self, tape: Tape, window: int) -> Statistics:
        """The same of each window that ends at one of a tape's steps, (batch, time)."""
        if self.kind == "standard":
            return self._standard(moments(tape.residuals, window), tape)
        if self.kind == "min-max":
            count = moments(tape.residuals, window).number
            low, high = lowest(tape.residuals, window), -lowest(-tape.residuals, window)
            return self._ranged(low, high, count, tape)
        sizes = moments((tape.residuals + tape.anchor).abs(), window)
        return self._from_zero(sizes.mean, sizes.number, tape)

    def absolute(
        self, statistics: Statistics, anchor: Tensor, transform: Transform = STRAIGHT
    ) -> tuple[Tensor, Tensor]:
        """Level and scale under the curve of `transform`, float64 (batch, time); anchor (batch, 1)."""
        count = statistics.count
        level = anchor.to(torch.float64) + statistics.mean
        level = torch.where(count < 1.0, torch.zeros_like(level), level)  # a later reading's anchor must not show
        if self.kind in ("mean-absolute", "none"):
            return level, torch.where(count < 1.0, torch.ones_like(level), statistics.deviation).clamp(min=TINY)
        alone = FIRST_SPREAD * transform.size(level)
        scale = torch.where(count < 2.0, alone, statistics.deviation)
        scale = torch.where(count < 1.0, torch.ones_like(scale), scale)
        return level, scale.clamp(min=TINY)

    def _standard(self, found: Moments, tape: Tape) -> Statistics:
        return Statistics(found.mean, _floored(found.variance, found.mean, tape), found.number)

    def _ranged(self, low: Tensor, high: Tensor, count: Tensor, tape: Tape) -> Statistics:
        low = torch.where(count > 0, low, torch.zeros_like(low))
        spread = torch.where(count > 0, high - low, torch.zeros_like(low))
        return Statistics(low, _floored(spread * spread, low, tape), count)

    def _from_zero(self, size: Tensor, count: Tensor, tape: Tape) -> Statistics:
        mean = torch.zeros_like(size) - tape.anchor.to(torch.float64)
        one = torch.ones_like(size)
        if self.kind == "none":
            return Statistics(mean, one, count)
        return Statistics(mean, torch.where(size > 0, _floored(size * size, mean, tape), one), count)


def _floored(square: Tensor, mean: Tensor, tape: Tape) -> Tensor:
    """The root of `square`, and no less than what the memory can tell apart."""
    away = mean - tape.offset
    return torch.sqrt(square + RESOLUTION**2 * (away * away + tape.shift * tape.shift))
