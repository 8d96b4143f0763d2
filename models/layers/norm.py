"""Normalisation between layers: over the units of a step, or over the real steps of a batch."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from models.config import NORMALISATIONS

MOMENTUM = 0.1  # share of a batch in the running statistics
EPSILON = 1e-5


class MaskedBatchNorm(nn.Module):
    """Batch normalisation (Ioffe and Szegedy 2015, arXiv:1502.03167) that padding does not enter.

    Out of training it is a fixed scale and shift, from running statistics.
    """

    mean: Tensor
    variance: Tensor

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.bias = nn.Parameter(torch.zeros(width))
        self.register_buffer("mean", torch.zeros(width))
        self.register_buffer("variance", torch.ones(width))

    def forward(self, values: Tensor, real: Tensor | None = None) -> Tensor:
        """values (…, width); `real` (batch, time) says which steps count, in training."""
        mean, variance = self.mean, self.variance
        if self.training and real is not None:
            counted = values[real].float()  # (steps, width), whatever precision the layers run in
            mean, variance = counted.mean(0), counted.var(0, correction=0)
            with torch.no_grad():
                self.mean.lerp_(mean, MOMENTUM)
                self.variance.lerp_(variance, MOMENTUM)
        return (values - mean) * torch.rsqrt(variance + EPSILON) * self.weight + self.bias


class Normalisation(nn.Module):
    """By `kind`: none, layer (Ba et al. 2016, arXiv:1607.06450) or batch."""

    def __init__(self, kind: str, width: int) -> None:
        super().__init__()
        if kind not in NORMALISATIONS:
            raise ValueError(f"unknown normalisation {kind!r}; choose among {', '.join(NORMALISATIONS)}")
        self.layer = nn.LayerNorm(width) if kind == "layer" else None
        self.batch = MaskedBatchNorm(width) if kind == "batch" else None

    def forward(self, values: Tensor, real: Tensor | None = None) -> Tensor:
        if self.layer is not None:
            normal: Tensor = self.layer(values)
            return normal
        if self.batch is not None:
            return self.batch(values, real)  # type: ignore[no-any-return]
        return values
