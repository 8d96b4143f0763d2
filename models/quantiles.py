"""Quantiles that cannot cross: a median, and gaps above and below it that are never negative."""

from __future__ import annotations

from itertools import pairwise
from statistics import NormalDist

import torch
from torch import Tensor, nn


class NonCrossingQuantiles(nn.Module):
    """Raw outputs (…, quantiles, n) -> ascending quantiles of the same shape; the raw median is the median."""

    def __init__(self, levels: tuple[float, ...]) -> None:
        super().__init__()
        self.median = levels.index(0.5)
        self.sides = [self.median, 1, len(levels) - self.median - 1]

    def forward(self, raw: Tensor) -> Tensor:
        below, median, above = torch.split(raw, self.sides, -2)
        below, above = softplus(below), softplus(above)
        if self.sides[0] > 1:
            below = below.flip(-2).cumsum(-2).flip(-2)
        if self.sides[2] > 1:
            above = above.cumsum(-2)
        return torch.cat([median - below, median, median + above], -2)


def softplus(values: Tensor) -> Tensor:
    """log(1 + exp(x)) in operators that runtimes compute many at a time."""
    return values.clamp(min=0.0) + torch.log(1.0 + torch.exp(-values.abs()))


def gaussian_bias(levels: tuple[float, ...], deviation: float) -> Tensor:
    """Raw outputs, (quantiles,), for which the quantiles are those of a normal distribution around zero."""
    points = [deviation * NormalDist().inv_cdf(level) for level in levels]
    median = levels.index(0.5)
    gaps = [abs(b - a) for a, b in pairwise(points)]
    raw = torch.tensor([*gaps[:median], 0.0, *gaps[median:]], dtype=torch.float64)
    inverse_softplus = torch.log(torch.expm1(raw.clamp(min=1e-6)))
    inverse_softplus[median] = 0.0
    return inverse_softplus.to(torch.float32)
