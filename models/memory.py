"""The memory of past values at the end of a state row: a ring of residuals, and the anchor that they are taken from."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from models.forecaster import counting
from models.missing import forward_filled


class Tape(NamedTuple):
    """The ring and the readings after it as one run of residuals, and what becomes of their anchor step by step."""

    residuals: Tensor  # (batch, window + time) float64 from `anchor`, NaN where missing
    anchor: Tensor  # (batch, 1) float32
    anchors: Tensor  # (batch, 1 + time) float32: in force before the first step and after each, NaN before any reading
    offset: Tensor  # (batch, time) float64: from `anchor` to the one in force after each step
    shift: Tensor  # (batch, time) float64: how far that one went when it last could move


class Memory(nn.Module):
    """Numbers of a row: the ring of the last `window` readings as residuals (NaN where missing), the anchor that they
    are taken from, `age`, the steps since the anchor could last move, and `shift`, how far it then went.

    The anchor follows the series, so that a register that only grows keeps its decimals for years.
    """

    places: Tensor

    def __init__(self, window: int, fill: bool) -> None:
        super().__init__()
        self.window = window
        self.fill = fill  # whether a missing reading enters as the last one seen
        self.register_buffer("places", torch.arange(window), persistent=False)

    @property
    def parts(self) -> list[tuple[str, int]]:
        """Name and size of each slice."""
        return [("lags", self.window), ("anchor", 1), ("age", 1), ("shift", 1)]

    def initial(self) -> Tensor:
        """Nothing seen, no anchor: (window + 3,)."""
        row = self.places.new_zeros(self.window + 3, dtype=torch.float32)
        row[: self.window + 1] = float("nan")
        return row

    def primed(self, target: Tensor) -> Tensor:
        """Rows that have seen `target`, float64 (batch, window), (batch, window + 3)."""
        if self.fill:
            target = forward_filled(target)
        seen = ~torch.isnan(target)
        last = torch.where(seen, self.places, torch.full_like(self.places, -1)).amax(1)  # (batch,)
        anchor = target.gather(1, last.clamp(min=0).unsqueeze(1)).to(torch.float32)
        anchor = torch.where(last.unsqueeze(1) >= 0, anchor, torch.full_like(anchor, float("nan")))
        ring = (target - anchor.to(torch.float64)).to(torch.float32)
        zero = torch.zeros_like(anchor)
        return torch.cat([ring, anchor, zero, zero], 1)

    def tape(self, target: Tensor, lengths: Tensor, tail: Tensor) -> Tape:
        """Ring and new readings, target (batch, time).

        A row without an anchor takes its first reading, rounded to float32, so that the anchor itself is exact; later
        it moves to the reading at every `window`-th step, unless that one is missing.
        """
        ring, before, age, shift = self._split(tail)
        places = counting(target)
        real = ~torch.isnan(target) & (places < lengths.unsqueeze(1))
        first = real.to(torch.int64).argmax(1, keepdim=True)  # (batch, 1)
        start = torch.where(real.gather(1, first), target.gather(1, first), torch.zeros_like(target[:, :1]))
        anchor = torch.where(torch.isnan(before), start.to(torch.float32), before)
        since = torch.remainder(age + places + 1, self.window)  # steps since the anchor could last move
        moves = real & ((since == 0) | (torch.isnan(before) & (places == first)))
        moved = torch.where(moves, target.to(torch.float32), torch.full_like(target, float("nan"), dtype=torch.float32))
        anchors = forward_filled(torch.cat([before, moved], 1))
        turn = places - since  # the step at which it last could; of a step before these where negative
        at, of = (anchors.gather(1, each.clamp(min=0)).to(torch.float64) for each in (turn + 1, turn))
        went = (at - of).abs().nan_to_num()
        return Tape(
            self._residuals(ring, target, anchor),
            anchor,
            anchors,
            (anchors[:, 1:].to(torch.float64) - anchor.to(torch.float64)).nan_to_num(),
            torch.where(turn >= 0, went, shift.to(torch.float64)),
        )

    def settle(self, lengths: Tensor, tail: Tensor, tape: Tape) -> Tensor:
        """The new ring, anchor, age and shift, (batch, window + 3)."""
        _, _, age, shift = self._split(tail)
        last = lengths.unsqueeze(1)
        ring = tape.residuals.gather(1, last + self.places)  # (batch, window)
        offset = torch.cat([torch.zeros_like(tape.offset[:, :1]), tape.offset], 1).gather(1, last)
        shift = torch.cat([shift, tape.shift.to(torch.float32)], 1).gather(1, last)
        age = torch.remainder(age + last, self.window).to(torch.float32)
        return torch.cat([(ring - offset).to(torch.float32), tape.anchors.gather(1, last), age, shift], 1)

    def step(self, target: Tensor, tail: Tensor) -> tuple[Tape, Tensor]:
        """`tape` and `settle` of one reading, target (batch, 1)."""
        ring, before, age, shift = self._split(tail)
        fresh = torch.isnan(before)
        reading = target.to(torch.float32)
        real = ~torch.isnan(target)
        anchor = torch.where(fresh, reading.nan_to_num(), before)
        age = torch.remainder(age + 1, self.window)
        after = torch.where(real & ((age == 0) | fresh), reading, before)
        went = (after.to(torch.float64) - before.to(torch.float64)).abs().nan_to_num()
        shift = torch.where(age == 0, went, shift.to(torch.float64))
        offset = (after.to(torch.float64) - anchor.to(torch.float64)).nan_to_num()
        tape = Tape(self._residuals(ring, target, anchor), anchor, torch.cat([before, after], 1), offset, shift)
        ring = (tape.residuals[:, 1:] - offset).to(torch.float32)
        return tape, torch.cat([ring, after, age.to(torch.float32), shift.to(torch.float32)], 1)

    def now(self, tail: Tensor) -> Tape:
        """The ring alone, before any further reading: one step, of a length of 0."""
        ring, anchor, _, shift = self._split(tail)
        known = anchor.nan_to_num()
        nothing = torch.zeros_like(known, dtype=torch.float64)
        return Tape(ring.to(torch.float64), known, torch.cat([anchor, anchor], 1), nothing, shift.to(torch.float64))

    def _residuals(self, ring: Tensor, target: Tensor, anchor: Tensor) -> Tensor:
        residual = target - anchor.to(torch.float64)
        ring = ring.to(torch.float64)
        if self.fill:
            residual = forward_filled(torch.cat([ring[:, -1:], residual], 1))[:, 1:]
        return torch.cat([ring, residual], 1)

    def _split(self, tail: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Ring (batch, window), and anchor, age (as integers) and shift, (batch, 1) each."""
        ring, anchor, age, shift = torch.split(tail, [self.window, 1, 1, 1], 1)
        return ring, anchor, age.to(torch.int64), shift
