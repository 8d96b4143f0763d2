"""The memory of past values at the end of a state row: a ring of residuals, their anchors, and the ring's sums."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from models.forecaster import counting
from models.missing import forward_filled, without_nan
from models.sums import SUMS, Sums, joined, read, turned, written


class Tape(NamedTuple):
    """A ring and the readings after it as one run, for all steps at once."""

    residuals: Tensor  # (batch, window + time) float64 from `anchor`, NaN where missing
    anchor: Tensor  # (batch, 1) float64
    offset: Tensor  # (batch, time) float64: from `anchor` to the one in force at a step
    shift: Tensor  # (batch, time) float64: to that one from the one before it


class Ring(NamedTuple):
    """A ring, with the reading after it if there is one, for one step."""

    values: Tensor  # (batch, window or window + 1) float32, NaN where missing
    older: Tensor  # (batch, 1) int64: so many of them are from the anchor before, the others from `anchor`
    anchor: Tensor  # (batch, 1) float64
    shift: Tensor  # (batch, 1) float64: from the anchor before to it
    sums: Sums  # (batch, 1) each: of the last window, from `anchor`

    def residuals(self, places: Tensor) -> Tensor:
        """Those at `places` (n,), float64 (batch, n) from `anchor`."""
        values = self.values.index_select(1, places).to(torch.float64)
        return values - torch.where(places < self.older, self.shift, 0.0)


class Memory(nn.Module):
    """Numbers of a row: the ring of the last `window` readings as residuals (NaN where missing), the `anchor` that they
    are taken from and the `former` one, the `latest` reading (where that is missing, the anchor), `age`, and `sums`.

    Once a window, before a step that finds `age` 0, the row turns: the anchor moves to the latest reading, so that a
    register that only grows keeps its decimals for years. What is in the ring is not touched: its last `age` residuals
    are from the anchor and those before them from the former one. The sums are kept of both parts. A reading is added
    to the second; the one that leaves the ring is taken from the first; at a turn, when the first is empty, the second
    takes its place. So a step costs the same whatever the window, and rounding in a sum is gone after two windows.
    """

    places: Tensor
    sign: Tensor  # of what leaves and what comes

    def __init__(self, window: int, fill: bool) -> None:
        super().__init__()
        self.window = window
        self.fill = fill  # whether a missing reading enters as the last one seen
        self.register_buffer("places", torch.arange(window), persistent=False)
        self.register_buffer("sign", torch.tensor([-1.0, 1.0], dtype=torch.float64), persistent=False)

    @property
    def parts(self) -> list[tuple[str, int]]:
        """Name and size of each slice."""
        return [("lags", self.window), ("anchor", 1), ("former", 1), ("latest", 1), ("age", 1), ("sums", SUMS)]

    def initial(self) -> Tensor:
        """Nothing seen, no anchor: (window + 14,)."""
        row = self.places.new_zeros(self.window + 4 + SUMS, dtype=torch.float32)
        row[: self.window + 3] = float("nan")
        return row

    def primed(self, target: Tensor) -> Tensor:
        """Rows that have seen `target`, float64 (batch, window), as at the end of a window: (batch, window + 14)."""
        if self.fill:
            target = forward_filled(target)
        seen = ~torch.isnan(target)
        last = torch.where(seen, self.places, -1).amax(1, keepdim=True)  # (batch, 1)
        anchor = target.gather(1, last.clamp(min=0)).to(torch.float32)  # NaN where there is none
        ring = (target - anchor.to(torch.float64)).to(torch.float32)
        age = torch.zeros_like(last)
        return torch.cat([ring, anchor, anchor, anchor, age.to(torch.float32), self._summed(ring, age)], 1)

    def tape(self, target: Tensor, lengths: Tensor, tail: Tensor) -> tuple[Tape, Tensor]:
        """Ring and readings, target (batch, time), and the row's new numbers.

        A row without an anchor takes its first reading, rounded to float32, so that the anchor itself is exact.
        """
        ring, known, former, latest, age, sums = self._split(tail)
        places, last = counting(target), lengths.unsqueeze(1)
        reading = target.to(torch.float32)
        real = ~torch.isnan(target) & (places < last)
        first = real.to(torch.int64).argmax(1, keepdim=True)  # (batch, 1)
        fresh = torch.isnan(known)
        since = torch.remainder(age + places, self.window)  # of each step: the steps since the row's last turn
        turned_to = torch.cat([latest, torch.where(real, reading, float("nan"))[:, :-1]], 1)  # (batch, time)
        moved = torch.where(since == 0, turned_to, float("nan"))
        moved = torch.where(fresh & real & (places == first), reading, moved)
        anchors = forward_filled(torch.cat([known, moved], 1))  # (batch, 1 + time): before the first step, at each
        turn = places - since  # its step, of one before these where negative
        formers = torch.where(turn >= 0, anchors.gather(1, turn.clamp(min=0)), former)
        formers = torch.cat([former, formers], 1)
        basis = without_nan(torch.where(fresh, anchors.gather(1, first + 1), known)).to(torch.float64)
        offset = without_nan(anchors.to(torch.float64) - basis)
        shift = without_nan(anchors.to(torch.float64) - formers.to(torch.float64))
        before = ring.to(torch.float64) - torch.where(self._older(age), shift[:, :1], 0.0)
        residuals = target - basis
        if self.fill:
            residuals = forward_filled(torch.cat([before[:, -1:], residuals], 1))[:, 1:]
        tape = Tape(torch.cat([before, residuals], 1), basis, offset[:, 1:], shift[:, 1:])
        age = torch.remainder(age + last, self.window)
        anchor, former = anchors.gather(1, last), formers.gather(1, last)
        ending = torch.cat([latest, torch.where(real, reading, anchors[:, 1:])], 1).gather(1, last)
        ring = tape.residuals.gather(1, last + self.places) - offset.gather(1, last)  # from `anchor`
        ring = (ring + torch.where(self._older(age), shift.gather(1, last), 0.0)).to(torch.float32)
        sums = torch.where(last > 0, self._summed(ring, age), sums)
        return tape, torch.cat([ring, anchor, former, ending, age.to(torch.float32), sums], 1)

    def step(self, target: Tensor, tail: Tensor) -> tuple[Ring, Tensor]:
        """The same for one reading, target (batch, 1)."""
        ring, known, former, latest, age, sums = self._split(tail)
        reading, missing, turn = target.to(torch.float32), torch.isnan(target), age == 0
        anchor = torch.where(turn, latest, known)
        former = torch.where(turn, known, former)
        anchor = torch.where(torch.isnan(anchor), reading, anchor)
        basis = without_nan(anchor).to(torch.float64)
        shift = without_nan(basis - former.to(torch.float64))
        residual = (target - basis).to(torch.float32)
        if self.fill:
            last = (ring[:, -1:] - torch.where(turn, shift, 0.0)).to(torch.float32)
            residual = torch.where(missing, last, residual)
        whole = torch.cat([ring, residual], 1)
        both = self._passed(turned(read(sums), turn), torch.cat([ring[:, :1], residual], 1).to(torch.float64))
        seen = Ring(whole, self.window - age, basis, shift, joined(both, shift))
        latest = torch.where(missing, anchor, reading)
        age = torch.remainder(age + 1, self.window).to(torch.float32)
        return seen, torch.cat([whole[:, 1:], anchor, former, latest, age, written(both)], 1)

    def after(self, ring: Ring) -> Ring:
        """What `now` finds after the step that `ring` was of."""
        return ring._replace(values=ring.values[:, 1:], older=ring.older - 1)

    def now(self, tail: Tensor) -> Ring:
        """The ring of a row as it is."""
        ring, anchor, former, _, age, sums = self._split(tail)
        basis = without_nan(anchor).to(torch.float64)
        shift = without_nan(basis - former.to(torch.float64))
        older = torch.remainder(self.window - age, self.window)
        return Ring(ring, older, basis, shift, joined(read(sums), shift))

    def _older(self, age: Tensor) -> Tensor:
        """Which residuals of a ring are from the former anchor, (batch, window)."""
        return self.places < torch.remainder(self.window - age, self.window)

    def _summed(self, ring: Tensor, age: Tensor) -> Tensor:
        """The sums of a ring's two parts, (batch, 10)."""
        older = self._older(age).unsqueeze(1)  # (batch, 1, window)
        which = torch.cat([older, ~older], 1) & ~torch.isnan(ring).unsqueeze(1)  # (batch, 2, window)
        values = torch.where(which, ring.to(torch.float64).unsqueeze(1), 0.0)
        return written(Sums(which.to(torch.float64).sum(2), values.sum(2), (values * values).sum(2)))

    def _passed(self, sums: Sums, residuals: Tensor) -> Sums:
        """Both parts after a step, `residuals` (batch, 2) being the one that leaves and the one that comes."""
        seen = ~torch.isnan(residuals)
        values = torch.where(seen, residuals, 0.0)
        signed = values * self.sign
        number = sums.number + seen.to(torch.float64) * self.sign
        some = (number > 0).to(torch.float64)  # of nothing the sums are nothing, whatever rounding has left
        return Sums(number, (sums.total + signed) * some, (sums.square + signed * values) * some)

    def _split(self, tail: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]:
        """Ring (batch, window); anchor, former and latest, age (as integers), (batch, 1) each; sums (batch, 10)."""
        ring, anchor, former, latest, age, sums = torch.split(tail, [self.window, 1, 1, 1, 1, SUMS], 1)
        return ring, anchor, former, latest, age.to(torch.int64), sums
