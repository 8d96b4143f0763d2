"""Quantiles that cannot cross: a median, and gaps above and below it that are never negative."""

from __future__ import annotations

from itertools import pairwise
from statistics import NormalDist

import torch
from torch import Tensor, nn
from torch.nn import functional


class NonCrossingQuantiles(nn.Module):
    """Raw outputs (…, quantiles) -> ascending quantiles (…, quantiles); the raw output at the median is the median."""

    def __init__(self, levels: tuple[float, ...]) -> None:
        super().__init__()
        self.median = levels.index(0.5)

    def forward(self, raw: Tensor) -> Tensor:
        median = raw[..., self.median : self.median + 1]
        below = functional.softplus(raw[..., : self.median])
        above = functional.softplus(raw[..., self.median + 1 :])
        down = median - below.flip(-1).cumsum(-1).flip(-1)
        up = median + above.cumsum(-1)
        return torch.cat([down, median, up], -1)


def gaussian_bias(levels: tuple[float, ...], deviation: float) -> Tensor:
    """Raw outputs, (quantiles,), for which the quantiles are those of a normal distribution around zero."""
    points = [deviation * NormalDist().inv_cdf(level) for level in levels]
    median = levels.index(0.5)
    gaps = [abs(b - a) for a, b in pairwise(points)]
    raw = torch.tensor([*gaps[:median], 0.0, *gaps[median:]], dtype=torch.float64)
    inverse_softplus = torch.log(torch.expm1(raw.clamp(min=1e-6)))
    inverse_softplus[median] = 0.0
    return inverse_softplus.to(torch.float32)
