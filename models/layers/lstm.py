"""An LSTM layer: its cell is part of the state, beside what it puts out."""

from __future__ import annotations

import math
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from models.forecaster import counting
from models.layers.layer import Layer, at_end, closing
from models.layers.packing import packed, packs


class LSTMLayer(Layer):
    """Gates i, f, g, o (Hochreiter and Schmidhuber 1997; forget gate: Gers et al. 2000), in PyTorch's convention::

        c' = f * c + i * g        f near 1 keeps the past
        h' = o * tanh(c')

    A fused operator tells the cell only at the end of the padded row; so padding holds the cell (f = 1, i = 0), and it
    still stands there at the end. A unit that is held keeps its cell; what it puts out follows its output gate.
    """

    gates: ClassVar[tuple[str, ...]] = ("i", "f", "g", "o")

    def __init__(self, inputs: int, width: int) -> None:
        super().__init__(inputs, width)
        self.fused = nn.LSTM(inputs, width, batch_first=True)

    @property
    def parts(self) -> list[tuple[str, int]]:
        return [("hidden", self.width), ("cell", self.width)]

    def start(self, longest_memory: int) -> None:
        """Xavier and orthogonal; forget gates that start with remembering and inputs that make up for it.

        Chrono initialisation (Tallec and Ollivier 2018, arXiv:1804.11188): the bias of f is log(T - 1), that of i its
        negative, for T spread in the logarithm from 3 steps to `longest_memory`.
        """
        weight_ih, weight_hh, bias_ih, bias_hh = self.fused.all_weights[0]
        size = self.width
        with torch.no_grad():
            for gate in range(4):
                rows = slice(gate * size, (gate + 1) * size)
                nn.init.xavier_uniform_(weight_ih[rows])
                nn.init.orthogonal_(weight_hh[rows])
            bias_ih.zero_()
            bias_hh.zero_()
            memory = torch.logspace(math.log10(3.0), math.log10(max(4.0, longest_memory)), size)  # steps
            bias_ih[size : 2 * size] = torch.log(memory - 1.0)
            bias_ih[:size] = -bias_ih[size : 2 * size]

    def whole(
        self, inputs: Tensor, lengths: Tensor, state: Tensor, held: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        return self._run(inputs, lengths, state, held, flags=1)

    def ragged(
        self, inputs: Tensor, lengths: Tensor, rows: Tensor, state: Tensor, held: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        if held is not None or not packs(inputs, rows, self.mostly_full):
            return self._run(inputs, lengths, state, held, flags=1 if held is None else held.size(2))
        start = tuple(state[:, part].contiguous().unsqueeze(0) for part in self._both())
        outputs, (hidden, cell) = packed(self.fused, inputs, rows, start)
        return outputs, torch.cat([hidden.squeeze(0), cell.squeeze(0)], 1)

    def step(self, inputs: Tensor, state: Tensor, held: Tensor | None = None) -> tuple[Tensor, list[Tensor]]:
        weight_ih, weight_hh, bias_ih, bias_hh = self.fused.all_weights[0]
        before, cell = (state[:, part] for part in self._both())
        mixed = functional.linear(inputs, weight_ih, bias_ih) + functional.linear(before, weight_hh, bias_hh)
        raw_i, raw_f, raw_g, raw_o = mixed.chunk(4, 1)
        i, f, g, o = torch.sigmoid(raw_i), torch.sigmoid(raw_f), torch.tanh(raw_g), torch.sigmoid(raw_o)
        new = f * cell + i * g
        if held is not None:
            new = torch.where(held > 0, cell, new)
        return torch.cat([o * torch.tanh(new), new], 1), [i, f, g, o]

    def _both(self) -> tuple[slice, slice]:
        return slice(0, self.width), slice(self.width, 2 * self.width)

    def _run(
        self, inputs: Tensor, lengths: Tensor, state: Tensor, held: Tensor | None, flags: int
    ) -> tuple[Tensor, Tensor]:
        hidden, cell = (state[:, part].contiguous() for part in self._both())
        padding = (counting(inputs[:, :, 0]) >= lengths.unsqueeze(1)).to(inputs.dtype).unsqueeze(2)  # (batch, time, 1)
        outputs, _, last = torch.lstm(
            torch.cat([inputs, padding if held is None else torch.maximum(held, padding)], 2),
            [hidden.unsqueeze(0), cell.unsqueeze(0)],
            self._holding(flags),
            has_biases=True,
            num_layers=1,
            dropout=0.0,
            train=self.training,
            bidirectional=False,
            batch_first=True,
        )
        return outputs, torch.cat([at_end(hidden, outputs, lengths), last.squeeze(0)], 1)

    def _holding(self, flags: int) -> list[Tensor]:
        """The weights with fixed columns for `flags` further inputs."""
        weight_ih, weight_hh, bias_ih, bias_hh = self.fused.all_weights[0]
        close = closing(1.0, weight_ih[: self.width], flags)
        columns = torch.cat([-close, close, torch.zeros_like(close), torch.zeros_like(close)], 0)  # i, f, g, o
        return [torch.cat([weight_ih, columns], 1), weight_hh, bias_ih, bias_hh]
