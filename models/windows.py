"""Figures of every window of a tape, by doubling: as exact as those of each window alone, in log(window) passes."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor


class Moments(NamedTuple):
    """Of runs of values, float64: how many are not missing, their mean, and the sum of their squared deviations."""

    number: Tensor
    mean: Tensor
    square: Tensor

    @property
    def variance(self) -> Tensor:
        return self.square / self.number.clamp(min=1.0)


def merged(a: Moments, b: Moments) -> Moments:
    """Of two runs together (Chan, Golub and LeVeque 1983, eq. 2.1): nothing cancels, equal values vary by exactly 0."""
    number = a.number + b.number
    share = b.number / number.clamp(min=1.0)
    apart = b.mean - a.mean
    return Moments(number, a.mean + apart * share, a.square + b.square + apart * apart * a.number * share)


def moments(tape: Tensor, window: int) -> Moments:
    """Of the `window` values that end at each of the last `time` places of `tape` (batch, window + time).

    NaN is left out; of a window without values all three are 0.
    """
    seen = ~torch.isnan(tape)
    values = torch.where(seen, tape, torch.zeros_like(tape))
    alone = Moments(seen.to(values.dtype), values, torch.zeros_like(values))
    return Moments(*_doubled(alone, window, lambda a, b: merged(Moments(*a), Moments(*b))))


def lowest(tape: Tensor, window: int) -> Tensor:
    """The smallest value of each such window, inf where it has none."""
    values = torch.where(torch.isnan(tape), torch.full_like(tape, float("inf")), tape)
    return _doubled((values,), window, lambda a, b: (torch.minimum(a[0], b[0]),))[0]


Figures = tuple[Tensor, ...]


def _doubled(alone: Figures, window: int, both: Callable[[Figures, Figures], Figures]) -> Figures:
    """Figures of windows from those of single places: of runs of 1, 2, 4, … places, joined by the bits of `window`.

    Place i of a run of n stands for the places i … i + n - 1.
    """
    time = alone[0].size(1) - window
    found: Figures = ()
    run, start, length = alone, 1, 1  # the first place of a tape is in no window
    while True:
        if window & length:
            part = tuple(each[:, start : start + time] for each in run)
            found = both(found, part) if found else part
            start += length
        if 2 * length > window:
            return found
        run = both(tuple(each[:, :-length] for each in run), tuple(each[:, length:] for each in run))
        length *= 2
