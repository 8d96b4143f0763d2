"""A layer without gates, h' = tanh(W x + U h + b): the yardstick by which gates are judged."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from models.layers.layer import HOLD, Layer, as_gru, at_end, closing
from models.layers.packing import packed, packs


class RNNLayer(Layer):
    """Elman's network (1990); `n` is what a step proposes, and all of it is taken.

    It is a GRU whose reset gate stands open (r = 1) and whose update gate lets nothing of the past through (z = 0); as
    such it runs where only gated operators are known, and can be held.
    """

    gates: ClassVar[tuple[str, ...]] = ("n",)

    def __init__(self, inputs: int, width: int) -> None:
        super().__init__(inputs, width)
        self.fused = nn.RNN(inputs, width, batch_first=True)

    def start(self, longest_memory: int) -> None:
        del longest_memory
        weight_ih, weight_hh, bias_ih, bias_hh = self.fused.all_weights[0]
        with torch.no_grad():
            nn.init.xavier_uniform_(weight_ih)
            nn.init.orthogonal_(weight_hh)
            bias_ih.zero_()
            bias_hh.zero_()

    def whole(
        self, inputs: Tensor, lengths: Tensor, state: Tensor, held: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        return self._run(inputs, lengths, state, held, flags=1)

    def ragged(
        self, inputs: Tensor, lengths: Tensor, rows: Tensor, state: Tensor, held: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        if held is not None:
            return self._run(inputs, lengths, state, held, flags=held.size(2))
        before = state.contiguous()
        if packs(inputs, rows, self.mostly_full):
            outputs, last = packed(self.fused, inputs, rows, before.unsqueeze(0))
            return outputs, last.squeeze(0)
        outputs, _ = self.fused(inputs, before.unsqueeze(0))
        return outputs, at_end(before, outputs, lengths)

    def step(self, inputs: Tensor, state: Tensor, held: Tensor | None = None) -> tuple[Tensor, list[Tensor]]:
        weight_ih, weight_hh, bias_ih, bias_hh = self.fused.all_weights[0]
        hidden = torch.tanh(
            functional.linear(inputs, weight_ih, bias_ih) + functional.linear(state, weight_hh, bias_hh)
        )
        return hidden if held is None else torch.where(held > 0, state, hidden), [hidden]

    def _run(
        self, inputs: Tensor, lengths: Tensor, state: Tensor, held: Tensor | None, flags: int
    ) -> tuple[Tensor, Tensor]:
        before = state.contiguous()
        given = inputs if held is None else torch.cat([inputs, held], 2)
        outputs = as_gru(given, self._as_gru(0 if held is None else flags), before, self.training)
        return outputs, at_end(before, outputs, lengths)

    def _as_gru(self, flags: int) -> list[Tensor]:
        """The weights of a GRU that does the same, with fixed columns for `flags` further inputs."""
        weight_ih, weight_hh, bias_ih, bias_hh = self.fused.all_weights[0]
        nothing, open_gate = torch.zeros_like(bias_ih), torch.full_like(bias_ih, HOLD)
        rows = torch.cat([torch.zeros_like(weight_ih), torch.zeros_like(weight_ih), weight_ih], 0)
        if flags:
            close = closing(2.0, weight_ih, flags)  # against the bias that lets nothing through
            rows = torch.cat([rows, torch.cat([torch.zeros_like(close), close, torch.zeros_like(close)], 0)], 1)
        recurrent = torch.cat([torch.zeros_like(weight_hh), torch.zeros_like(weight_hh), weight_hh], 0)
        return [
            rows,
            recurrent,
            torch.cat([open_gate, -open_gate, bias_ih], 0),
            torch.cat([nothing, nothing, bias_hh], 0),
        ]
