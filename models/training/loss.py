"""The quantile loss over all steps and horizons, masked where a target is missing or lies beyond the training end."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from models.forecaster import Fork
from models.transform import STRAIGHT, Transform

HEAVIEST = 10.0  # seasonal scales that one deviation of a window may weigh
YOUNG = 8.0  # an origin after n readings weighs 1 + YOUNG / n: few crops begin with nothing, and only so do they
FARTHEST = 1e4  # deviations; after a constant window a target may lie at infinity, and its gradient is the same here


class _Pinball(torch.autograd.Function):
    """Sum of weight * 2 (y - q)(level - 1[y < q]); its gradient is piecewise constant, so it comes with the value."""

    @staticmethod
    def forward(ctx: Any, quantiles: Tensor, target: Tensor, weight: Tensor, levels: Tensor) -> Tensor:
        error = target.unsqueeze(-1) - quantiles  # (…, quantiles)
        slope = (levels - (error < 0).to(levels.dtype)).mul_(2 * weight.unsqueeze(-1))
        ctx.save_for_backward(slope)
        return (slope * error).sum()

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None, None]:
        (slope,) = ctx.saved_tensors
        return slope * -gradient, None, None, None


def quantile_loss(
    quantiles: Tensor,  # (…, horizon, quantiles) float32, in deviations of the window
    level: Tensor,  # (…) float64
    scale: Tensor,  # (…) float64
    target: Tensor,  # (…, horizon) float64, in the series' units, NaN where there is none
    unit: Tensor,  # (…) float64: how large an error of 1 is in each series, under the curve
    levels: Tensor,  # (quantiles,) float32
    transform: Transform = STRAIGHT,
) -> tuple[Tensor, Tensor]:
    """Sum of the quantile losses in units of each series (Koenker and Bassett 1978), and how many targets there were.

    Errors are taken where the net sees them, in deviations of the window, and weighed by what a deviation is in units.
    """
    normalised = (transform.apply(target) - level.unsqueeze(-1)) / scale.unsqueeze(-1)
    known = ~torch.isnan(normalised)
    heavy = (scale / unit).clamp(max=HEAVIEST).unsqueeze(-1)
    weight = torch.where(known, heavy / levels.numel(), torch.zeros_like(heavy)).to(torch.float32)
    clean = torch.where(known, normalised, torch.zeros_like(normalised))
    clean = clean.clamp(-FARTHEST, FARTHEST).to(torch.float32)
    total: Tensor = _Pinball.apply(quantiles, clean, weight, levels)  # type: ignore[no-untyped-call]
    return total, known.sum()


def _targets(fork: Fork, future: Tensor, lengths: Tensor) -> Tensor:
    """What each forecast of a fork is held against, (batch, time, horizon), NaN where it counts for nothing.

    That is behind a row's end, before its first reading, and where `future` has no reading.
    """
    time, horizon = fork.quantiles.size(1), fork.quantiles.size(2)
    target = future.unfold(1, horizon, 1)  # (batch, every step, horizon)
    if fork.steps is None:
        steps = torch.arange(time, device=lengths.device).expand(len(lengths), -1)
    else:
        steps = fork.steps
        target = target.gather(1, steps.unsqueeze(2).expand(-1, -1, horizon))
    real = (steps < lengths.unsqueeze(1)) & (fork.seen >= 1)
    return torch.where(real.unsqueeze(-1), target, torch.full_like(target, float("nan")))


def fork_loss(fork: Fork, future: Tensor, lengths: Tensor, unit: Tensor, levels: Tensor) -> Tensor:
    """The mean loss of a batch of crops: `future` (batch, time + horizon - 1) is the target from one step on."""
    target = _targets(fork, future, lengths)
    units = unit.unsqueeze(1) / (1.0 + YOUNG / fork.seen.clamp(min=1.0))
    total, count = quantile_loss(fork.quantiles, fork.level, fork.scale, target, units, levels, fork.transform)
    return total / count.clamp(min=1)


def count_targets(fork: Fork, future: Tensor, lengths: Tensor) -> int:
    """How many targets the mean of `fork_loss` is taken over."""
    return int((~torch.isnan(_targets(fork, future, lengths))).sum())
