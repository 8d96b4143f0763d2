"""A GRU layer: PyTorch's fused operator over sequences, our own cell for a step, one set of weights."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn

from models.layers.cell import gru_cell, initialise_gru, weights
from models.layers.layer import Layer, as_gru, at_end, closing
from models.layers.packing import packed, packs


class GRULayer(Layer):
    """Gates r, z, n; z near 1 keeps the past, so a unit that is held has its z closed to exactly 1."""

    gates: ClassVar[tuple[str, ...]] = ("r", "z", "n")

    def __init__(self, inputs: int, width: int) -> None:
        super().__init__(inputs, width)
        self.fused = nn.GRU(inputs, width, batch_first=True)

    def start(self, longest_memory: int) -> None:
        initialise_gru(self.fused, longest_memory)

    def whole(
        self, inputs: Tensor, lengths: Tensor, state: Tensor, held: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        return self._run(inputs, lengths, state, held, flags=1)

    def ragged(
        self, inputs: Tensor, lengths: Tensor, rows: Tensor, state: Tensor, held: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        if held is not None or not packs(inputs, rows, self.mostly_full):
            return self._run(inputs, lengths, state, held, flags=1 if held is None else held.size(2))
        outputs, last = packed(self.fused, inputs, rows, state.contiguous().unsqueeze(0))
        return outputs, last.squeeze(0)

    def step(self, inputs: Tensor, state: Tensor, held: Tensor | None = None) -> tuple[Tensor, list[Tensor]]:
        hidden, r, z, n = gru_cell(inputs, state, *weights(self.fused))
        if held is not None:
            hidden = torch.where(held > 0, state, hidden)
        return hidden, [r, z, n]

    def _run(
        self, inputs: Tensor, lengths: Tensor, state: Tensor, held: Tensor | None, flags: int
    ) -> tuple[Tensor, Tensor]:
        before = state.contiguous()
        if held is None:
            outputs, _ = self.fused(inputs, before.unsqueeze(0))
        else:
            given = torch.cat([inputs, held], 2)
            outputs = as_gru(given, self._holding(flags), before, self.training)
        return outputs, at_end(before, outputs, lengths)

    def _holding(self, flags: int) -> list[Tensor]:
        """The weights with fixed columns for `flags` further inputs."""
        weight_ih, weight_hh, bias_ih, bias_hh = weights(self.fused)
        close = closing(1.0, weight_ih[: self.width], flags)
        columns = torch.cat([torch.zeros_like(close), close, torch.zeros_like(close)], 0)  # (3 width, flags)
        return [torch.cat([weight_ih, columns], 1), weight_hh, bias_ih, bias_hh]
