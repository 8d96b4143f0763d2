"""A linear recurrence h_t = a_t * h_(t-1) + b_t over all steps at once, by a parallel scan."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


def scan(decay: Tensor, drive: Tensor, start: Tensor) -> Tensor:
    """All states h, (batch, time, width), from decay a and drive b of that shape; `start` (batch, width)."""
    first = drive[:, :1] + decay[:, :1] * start.unsqueeze(1)
    states: Tensor = _Scan.apply(decay, torch.cat([first, drive[:, 1:]], 1))  # type: ignore[no-untyped-call]
    return states


class _Scan(torch.autograd.Function):
    """From a zero state. Its gradient is the same recurrence run backwards, so no round of the scan is kept."""

    @staticmethod
    def forward(ctx: Any, decay: Tensor, drive: Tensor) -> Tensor:
        states = _doubled(decay, drive)
        ctx.save_for_backward(decay, states)
        return states

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor]:
        decay, states = ctx.saved_tensors
        later = torch.cat([decay[:, 1:], torch.zeros_like(decay[:, :1])], 1)  # each step's effect on the next
        of_drive = _doubled(later.flip(1), gradient.flip(1)).flip(1)
        before = torch.cat([torch.zeros_like(states[:, :1]), states[:, :-1]], 1)
        return of_drive * before, of_drive


def _doubled(decay: Tensor, drive: Tensor) -> Tensor:
    """In log2(time) rounds, each step takes in the steps twice as far back (Hillis and Steele 1986)."""
    decay, drive = decay.clone(), drive.clone()
    reach = 1
    while reach < drive.size(1):
        further = drive[:, reach:] + decay[:, reach:] * drive[:, :-reach]
        both = decay[:, reach:] * decay[:, :-reach]
        drive = torch.cat([drive[:, :reach], further], 1)
        decay = torch.cat([decay[:, :reach], both], 1)
        reach *= 2
    return drive
