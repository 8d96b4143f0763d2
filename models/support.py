"""Which numbers the target can be, and forecasts that are held to them: none below zero, whole ones alone."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Support:
    """What was declared of the target at training; without either a forecast is left as it is, to the bit.

    The quantile of a whole number is the smallest one whose distribution function reaches the level. That function is
    taken from the forecast at half a step above (the continuity correction, Feller 1968, VII.3): F(k) = G(k + 1/2), so
    the quantile is the ceiling of q - 1/2. A tie goes down, to the smaller of two that both reach the level. Both maps
    rise, so quantiles stay in their order; a forecast that is not finite stays that.
    """

    non_negative: bool = False
    integer: bool = False

    def hold(self, values: Tensor) -> Tensor:
        """Forecasts in units of the series, float64, of any shape -> the same, as the target can be."""
        if self.integer:
            values = torch.ceil(values - 0.5)
            values = torch.where(values == 0.0, 0.0, values)  # the ceiling of -0.3 is minus zero
        if self.non_negative:
            values = torch.where(values <= 0.0, 0.0, values)
        return values


ANY = Support()
