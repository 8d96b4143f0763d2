"""Zoneout: in training, units keep their state at random steps."""

from __future__ import annotations

import torch
from torch import Tensor

from models.layers.dropout import own_generator


def zoned_out(share: float, like: Tensor, width: int, held: Tensor | None = None) -> Tensor:
    """Which units skip which steps, (batch, time, width) of 0 and 1, beside those that `held` says skip anyway.

    Krueger et al. 2017, arXiv:1606.01305. `like` (batch, time, …) gives sizes, device and type.
    """
    drawn = torch.rand((*like.shape[:2], width), device=like.device, generator=own_generator())
    kept = (drawn < share).to(like.dtype)
    return kept if held is None else torch.maximum(kept, held)
