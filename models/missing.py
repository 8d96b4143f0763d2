"""Missing readings: left out by a mask, or filled in from what was seen before (or, within a history, after) them."""

from __future__ import annotations

import torch
from torch import Tensor


def without_nan(values: Tensor) -> Tensor:
    """0 in place of NaN."""
    return torch.where(torch.isnan(values), 0.0, values)


def forward_filled(values: Tensor) -> Tensor:
    """(batch, time): each NaN takes the last value seen before it in its row, and stays NaN where there is none.

    The n-th value seen is put in place n of a row, and each step reads the place of its own count: no loop over time.
    """
    seen = ~torch.isnan(values)
    count = seen.to(torch.int64).cumsum(1)  # (batch, time), of values seen up to each step
    nothing = torch.full_like(values[:, :1], float("nan"))
    room = torch.cat([nothing, torch.zeros_like(values), nothing], 1)  # place 0: none seen; the last: for the others
    last = torch.full_like(count, 1) * (values.size(1) + 1)
    kept = room.scatter(1, torch.where(seen, count, last), values)
    return kept.gather(1, count)


def interpolated(values: Tensor, lengths: Tensor) -> Tensor:
    """(batch, time): a gap between two values of a row becomes the line between them; one at its end, the last value.

    It looks ahead, so it is for models that read a whole history and do not stream.
    """
    steps = torch.ones_like(values, dtype=torch.int64).cumsum(1) - 1  # (batch, time)
    real = ~torch.isnan(values) & (steps < lengths.unsqueeze(1))
    known = torch.where(real, values, torch.full_like(values, float("nan")))
    at = torch.where(real, steps.to(values.dtype), torch.full_like(values, float("nan")))
    before, before_at = forward_filled(known), forward_filled(at)
    after, after_at = (forward_filled(each.flip(1)).flip(1) for each in (known, at))
    share = (steps.to(values.dtype) - before_at) / (after_at - before_at).clamp(min=1.0)
    line = before + share * (after - before)
    return torch.where(torch.isnan(line), before, line)
