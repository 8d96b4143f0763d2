"""The memory of past values at the end of a state row: a ring of residuals, their anchor, and the anchor's age."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from models.forecaster import counting
from models.missing import forward_filled


class Memory(nn.Module):
    """Numbers of a row: the ring of the last `window` readings as residuals (NaN where missing), the anchor that they
    are taken from, and `age`, the steps since the anchor could last move.

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
        return [("lags", self.window), ("anchor", 1), ("age", 1)]

    def initial(self) -> Tensor:
        """Nothing seen, no anchor: (window + 2,)."""
        row = self.places.new_zeros(self.window + 2, dtype=torch.float32)
        row[: self.window + 1] = float("nan")
        return row

    def primed(self, target: Tensor) -> Tensor:
        """Rows that have seen `target`, float64 (batch, window), (batch, window + 2)."""
        if self.fill:
            target = forward_filled(target)
        seen = ~torch.isnan(target)
        last = torch.where(seen, self.places, torch.full_like(self.places, -1)).amax(1)  # (batch,)
        anchor = target.gather(1, last.clamp(min=0).unsqueeze(1)).to(torch.float32)
        anchor = torch.where(last.unsqueeze(1) >= 0, anchor, torch.full_like(anchor, float("nan")))
        ring = (target - anchor.to(torch.float64)).to(torch.float32)
        return torch.cat([ring, anchor, torch.zeros_like(anchor)], 1)

    def tape(self, target: Tensor, lengths: Tensor, tail: Tensor) -> tuple[Tensor, Tensor]:
        """Ring and new readings as one run of residuals (batch, window + time), and the anchor they are taken from.

        A row without an anchor takes its first reading, rounded to float32, so that the anchor itself is exact.
        """
        ring = tail[:, : self.window]
        anchor = tail[:, self.window : self.window + 1]  # (batch, 1)
        places = counting(target)
        real = ~torch.isnan(target) & (places < lengths.unsqueeze(1))
        first = real.to(torch.int64).argmax(1, keepdim=True)  # (batch, 1)
        start = torch.where(real.gather(1, first), target.gather(1, first), torch.zeros_like(target[:, :1]))
        anchor = torch.where(torch.isnan(anchor), start.to(torch.float32), anchor)
        residual = (target - anchor.to(torch.float64)).to(torch.float32)
        if self.fill:
            residual = forward_filled(torch.cat([ring[:, -1:], residual], 1))[:, 1:]
        return torch.cat([ring, residual], 1), anchor

    def settle(self, target: Tensor, lengths: Tensor, tail: Tensor, tape: Tensor, anchor: Tensor) -> Tensor:
        """The new ring, anchor and age, (batch, window + 2); once a window the anchor moves to the series."""
        ring = tape.gather(1, lengths.unsqueeze(1) + self.places)  # (batch, window)
        before = tail[:, self.window : self.window + 1]
        age = tail[:, self.window + 1 :].to(torch.int64)  # (batch, 1)
        places = counting(target)
        real = ~torch.isnan(target) & (places < lengths.unsqueeze(1))
        turn = torch.remainder(age + places + 1, self.window) == 0
        none = torch.full_like(lengths, -1).unsqueeze(1)
        last = torch.where(real & turn, places, none).amax(1, keepdim=True)  # (batch, 1)
        moved = target.gather(1, last.clamp(min=0)).to(torch.float32)
        target_anchor = torch.where(last >= 0, moved, anchor)
        seen = real.to(torch.int64).amax(1, keepdim=True) > 0
        new = torch.where(torch.isnan(before) & ~seen, before, target_anchor)
        shift = torch.where(torch.isnan(new), torch.zeros_like(new), target_anchor - anchor)
        age = torch.remainder(age + lengths.unsqueeze(1), self.window).to(torch.float32)
        return torch.cat([ring - shift, new, age], 1)
