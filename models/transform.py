"""The curve under which values are learned: straight, or logarithmic for data whose changes are relative."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from models.support import ANY, Support

if TYPE_CHECKING:
    from models.config import ForecasterConfig

FARTHEST = 600.0  # logarithm beyond which a forecast is not unfolded: it stays finite


@dataclass(frozen=True)
class Transform:
    """u = sign(y) log(1 + |y| / offset), defined for every reading; offset 0 leaves values as they are.

    Quantiles go through a rising curve unchanged, so the way back is exact. It ends at what the target can be: what
    `support` holds. Everything is float64.
    """

    offset: float = 0.0
    support: Support = ANY

    @classmethod
    def of(cls, config: ForecasterConfig) -> Transform:
        """The way there and back of a forecaster."""
        return cls(config.offset or 0.0, Support(config.non_negative, config.integer))

    def apply(self, values: Tensor) -> Tensor:
        """Readings in units of the series -> under the curve; NaN stays NaN."""
        if self.offset == 0:
            return values
        return torch.sign(values) * torch.log(1.0 + values.abs() / self.offset)

    def undo(self, values: Tensor) -> Tensor:
        """Back to units of the series."""
        if self.offset > 0:
            values = torch.sign(values) * self.offset * (torch.exp(values.abs().clamp(max=FARTHEST)) - 1.0)
        return self.support.hold(values)

    def size(self, values: Tensor) -> Tensor:
        """How far values under the curve lie from zero by the slope there: |y| du/dy, 1 far out on a logarithm."""
        if self.offset == 0:
            return values.abs()
        return 1.0 - torch.exp(-values.abs())


STRAIGHT = Transform()
