"""Causal scaling: level and scale of the last window of readings, the same for a tape and for a ring."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from models.config import SCALINGS, ForecasterConfig
from models.memory import Ring, Tape
from models.transform import STRAIGHT, Transform
from models.windows import lowest, moments

RESOLUTION = 2.0**-5  # of a distance that float32 rounds at 2**-24 of it: a scale is at least 2**19 such roundings
TINY = 1e-30
FIRST_SPREAD = 0.1  # deviation assumed from one reading alone, relative to it


class Statistics(NamedTuple):
    """Of each window, float64 (batch, time)."""

    readings: Tensor  # how many of it are not missing
    mean: Tensor  # what the model takes for zero, from the anchor
    level: Tensor  # the same, absolute
    scale: Tensor  # what the model takes for one


class Scaling:
    """How the readings of a window give the level and the scale in which the model sees them.

    standard: mean and standard deviation; min-max: the smallest reading and the range; mean-absolute: zero and the mean
    of the absolute readings; none: zero and one, for series that are of one size already.

    The ring rounds a reading relative to its distance from the anchor, or from the one before for the older ones. In a
    window flatter than this the rounding would be all there is to see, so a scale has a floor: RESOLUTION of the
    level's distance from the anchor and of the way between the two anchors, added as squares.

    A window that has seen less than a season knows little of how far the series goes: two readings side by side may be
    nearly the same. Until then the deviation that windows of the training data came to is added, as a square that
    fades evenly from the first reading to the last of a season.
    """

    def __init__(
        self, kind: str, transform: Transform = STRAIGHT, spread: tuple[float, float] = (0.0, 0.0), season: int = 2
    ) -> None:
        if kind not in SCALINGS:
            raise ValueError(f"unknown scaling {kind!r}; choose among {', '.join(SCALINGS)}")
        self.kind = kind
        self.transform = transform
        self.relative, self.absolute = spread
        self.season = season

    @classmethod
    def of(cls, config: ForecasterConfig) -> Scaling:
        """That of a forecaster."""
        return cls(config.scaling, Transform(config.offset or 0.0), config.spread or (0.0, 0.0), config.season)

    def of_ring(self, ring: Ring, places: Tensor) -> Statistics:
        """Of the window at `places` (window,) of a ring, (batch, 1)."""
        count = ring.sums.number
        if self.kind == "standard":
            mean = ring.sums.mean
            return self._statistics(count, mean, ring.sums.variance, ring.anchor, mean, ring.shift)
        residuals = ring.residuals(places)
        seen = ~torch.isnan(residuals)
        if self.kind == "min-max":
            low = torch.where(seen, residuals, float("inf")).amin(1, keepdim=True)
            high = torch.where(seen, residuals, float("-inf")).amax(1, keepdim=True)
            low, square = _ranged(low, high, count)
            return self._statistics(count, low, square, ring.anchor, low, ring.shift)
        size = torch.where(seen, residuals + ring.anchor, 0.0).abs().sum(1, keepdim=True) / count.clamp(min=1.0)
        return self._statistics(count, -ring.anchor, size * size, ring.anchor, -ring.anchor, ring.shift)

    def of_tape(self, tape: Tape, window: int) -> Statistics:
        """The same of each window that ends at a step of a tape, (batch, time)."""
        if self.kind == "standard":
            found = moments(tape.residuals, window)
            mean, square, count = found.mean, found.variance, found.number
        elif self.kind == "min-max":
            count = moments(tape.residuals, window).number
            mean, square = _ranged(lowest(tape.residuals, window), -lowest(-tape.residuals, window), count)
        else:
            sizes = moments((tape.residuals + tape.anchor).abs(), window)
            mean, square, count = torch.zeros_like(sizes.mean) - tape.anchor, sizes.mean * sizes.mean, sizes.number
        return self._statistics(count, mean, square, tape.anchor, mean - tape.offset, tape.shift)

    def _statistics(
        self, count: Tensor, mean: Tensor, square: Tensor, anchor: Tensor, away: Tensor, shift: Tensor
    ) -> Statistics:
        """With the root of `square` for a scale, and no less than what the memory can tell apart."""
        empty = count < 1.0
        level = torch.where(empty, 0.0, anchor + mean)  # a later reading's anchor must not show
        if self.kind == "none":
            return Statistics(count, mean, level, torch.ones_like(square))
        positive = square > 0
        square = square + RESOLUTION**2 * (away * away + shift * shift)
        young = max(self.relative, self.absolute) > 0
        if young and self.kind != "mean-absolute":
            fresh = (1.0 - (count - 1.0) / (self.season - 1.0)).clamp(min=0.0)
            assumed = (self.relative * self.transform.size(level)).clamp(min=self.absolute)
            square = square + fresh * (assumed * assumed)
        scale = torch.sqrt(square)
        if self.kind == "mean-absolute":
            scale = torch.where(positive, scale, 1.0)
        elif not young:
            scale = torch.where(count < 2.0, FIRST_SPREAD * self.transform.size(level), scale)
        return Statistics(count, mean, level, torch.where(empty, 1.0, scale.clamp(min=TINY)))


def _ranged(low: Tensor, high: Tensor, count: Tensor) -> tuple[Tensor, Tensor]:
    """The smallest reading, and the squared range; zeros of a window without any."""
    low, spread = torch.where(count > 0, low, 0.0), torch.where(count > 0, high - low, 0.0)
    return low, spread * spread
