"""A minimal GRU layer: its gate does not look at the state, so a whole sequence is learned from in parallel."""

from __future__ import annotations

import math
from typing import ClassVar

import torch
from torch import Tensor, nn

from models.layers.layer import Layer, as_gru, at_end, closing
from models.layers.scan import scan


class MinGRULayer(Layer):
    """The gate and the candidate come from the input alone (Feng et al. 2024, arXiv:2410.01201), here with a tanh::

        z = sigmoid(W_z x + b_z)        z near 1 keeps the past, as in our GRU (the paper's z is 1 - ours)
        n = tanh(W_n x + b_n)
        h' = (1 - z) * n + z * h

    That is a GRU without recurrent weights, so the graph runs the fused operator; training runs a parallel scan.
    """

    gates: ClassVar[tuple[str, ...]] = ("z", "n")

    def __init__(self, inputs: int, width: int) -> None:
        super().__init__(inputs, width)
        self.linear = nn.Linear(inputs, 2 * width)  # rows of z, n

    def start(self, longest_memory: int) -> None:
        """As the GRU: Xavier, and z such that a unit forgets over 3 to `longest_memory` steps."""
        with torch.no_grad():
            for gate in range(2):
                nn.init.xavier_uniform_(self.linear.weight[gate * self.width : (gate + 1) * self.width])
            self.linear.bias.zero_()
            memory = torch.logspace(math.log10(3.0), math.log10(max(4.0, longest_memory)), self.width)  # steps
            self.linear.bias[: self.width] = torch.log(memory - 1.0)

    def whole(
        self, inputs: Tensor, lengths: Tensor, state: Tensor, held: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        before = state.contiguous()
        given = inputs if held is None else torch.cat([inputs, held], 2)
        outputs = as_gru(given, self._as_gru(held is not None), before, self.training)
        return outputs, at_end(before, outputs, lengths)

    def ragged(
        self, inputs: Tensor, lengths: Tensor, rows: Tensor, state: Tensor, held: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        del rows
        z, n = self._gates(inputs)
        if held is not None:
            z = torch.maximum(z, held)
        outputs = scan(z, (1 - z) * n, state)
        return outputs, at_end(state, outputs, lengths)

    def step(self, inputs: Tensor, state: Tensor, held: Tensor | None = None) -> tuple[Tensor, list[Tensor]]:
        z, n = self._gates(inputs)
        hidden = n + z * (state - n)
        return hidden if held is None else torch.where(held > 0, state, hidden), [z, n]

    def _gates(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        raw_z, raw_n = self.linear(inputs).chunk(2, -1)
        return torch.sigmoid(raw_z), torch.tanh(raw_n)

    def _as_gru(self, holds: bool) -> list[Tensor]:
        """The weights of a GRU that does the same; where it `holds`, with a column that closes z."""
        weight, bias = self.linear.weight, self.linear.bias
        rows = torch.cat([torch.zeros_like(weight[: self.width]), weight], 0)  # (3 width, inputs)
        if holds:
            close = closing(1.0, weight[: self.width], 1)
            rows = torch.cat([rows, torch.cat([torch.zeros_like(close), close, torch.zeros_like(close)], 0)], 1)
        biases = torch.cat([torch.zeros_like(bias[: self.width]), bias], 0)  # (3 width,)
        nothing = torch.zeros_like(biases)
        return [rows, nothing.unsqueeze(1).repeat(1, self.width), biases, nothing]
