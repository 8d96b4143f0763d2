"""Running sums of a ring's residuals, in two parts: of those from the former anchor, and of those from the anchor."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

SUMS = 10  # numbers of a state: of two parts a count, and two sums of 48 bits each


class Sums(NamedTuple):
    """Of residuals, float64: how many are not missing, their sum, and that of their squares."""

    number: Tensor
    total: Tensor
    square: Tensor

    @property
    def mean(self) -> Tensor:
        return self.total / self.number.clamp(min=1.0)

    @property
    def variance(self) -> Tensor:
        mean = self.mean
        return (self.square / self.number.clamp(min=1.0) - mean * mean).clamp(min=0.0)


def read(state: Tensor) -> Sums:
    """Both parts, (batch, 2) each, from (batch, 10)."""
    number, total, total_rest, square, square_rest = torch.split(state.to(torch.float64), 2, 1)
    return Sums(number, total + total_rest, square + square_rest)


def written(sums: Sums) -> Tensor:
    """(batch, 10) float32: the counts, and of each sum its value as float32 and what that leaves, as another."""
    total, square = sums.total.to(torch.float32), sums.square.to(torch.float32)
    total_rest, square_rest = (sums.total - total).to(torch.float32), (sums.square - square).to(torch.float32)
    return torch.cat([sums.number.to(torch.float32), total, total_rest, square, square_rest], 1)


def joined(sums: Sums, shift: Tensor) -> Sums:
    """Of both parts, (batch, 1) each, from the anchor: the first part's residuals are less by `shift` from there."""
    number, total, square = (each[:, :1] for each in sums)
    moved = number * shift
    first = Sums(number, total - moved, square - (2.0 * total - moved) * shift)
    return Sums(*(a + each[:, 1:] for a, each in zip(first, sums, strict=True)))


def turned(sums: Sums, turn: Tensor) -> Sums:
    """At a turn, (batch, 1), the second part becomes the first and begins anew."""
    return Sums(
        *(torch.cat([torch.where(turn, e[:, 1:], e[:, :1]), torch.where(turn, 0.0, e[:, 1:])], 1) for e in sums)
    )
