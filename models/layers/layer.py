"""What a recurrent layer promises: whole, ragged and step by step it is one function of inputs and state."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn

from models.layers.packing import MOSTLY_FULL

HOLD = 1e4  # added to a gate before its sigmoid: exactly 1 (or, negative, exactly 0) in float32


class Layer(nn.Module, ABC):
    """A layer of `width` units with a flat state of `parts`, the first of them what it puts out.

    `held` (batch, time, 1), or in training (batch, time, width), is 1 where units skip a step and keep their state. A
    fused operator knows no such thing; so `held` enters as further inputs whose fixed weights close the gates.
    """

    gates: ClassVar[tuple[str, ...]]  # of each unit, in the order of `step`

    def __init__(self, inputs: int, width: int) -> None:
        super().__init__()
        self.inputs = inputs
        self.width = width
        self.mostly_full = MOSTLY_FULL  # a measurement may set it: 0 always pads, above 1 always packs

    @property
    def parts(self) -> list[tuple[str, int]]:
        """Name and size of each slice of the layer's state; the first is what the layer puts out."""
        return [("hidden", self.width)]

    @property
    def size(self) -> int:
        """Numbers of the layer's state."""
        return sum(size for _, size in self.parts)

    @abstractmethod
    def start(self, longest_memory: int) -> None:
        """Sets the weights that training starts from; `longest_memory` in steps."""

    @abstractmethod
    def whole(
        self, inputs: Tensor, lengths: Tensor, state: Tensor, held: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Padded rows (batch, time, inputs) -> outputs (batch, time, width) and each row's state at its own end.

        Lengths from 0 on. Traced: no tensor here is made from a Python size or device.
        """

    def ragged(
        self, inputs: Tensor, lengths: Tensor, rows: Tensor, state: Tensor, held: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """The same without running the padding where that saves work; `rows` are the lengths on the CPU, from 1 on."""
        del rows
        return self.whole(inputs, lengths, state, held)

    @abstractmethod
    def step(self, inputs: Tensor, state: Tensor, held: Tensor | None = None) -> tuple[Tensor, list[Tensor]]:
        """One step: inputs (batch, inputs), held (batch, 1) -> the new state and the gates, each (batch, width)."""

    def visible(self, state: Tensor) -> Tensor:
        """What a state puts out, (batch, width)."""
        return state[:, : self.width]


def closing(sign: float, like: Tensor, flags: int) -> Tensor:
    """Fixed weights (width, flags) from `held` to a gate of each unit: one flag for all units, or one for each."""
    one = torch.ones_like(like[:, :1])
    return sign * HOLD * (one if flags == 1 else torch.diag_embed(one.squeeze(1)))


def as_gru(inputs: Tensor, weights: Sequence[Tensor], state: Tensor, training: bool) -> Tensor:
    """The outputs (batch, time, width) of PyTorch's fused GRU on these weights: two of matrices, two of biases."""
    outputs, _ = torch.gru(
        inputs,
        state.unsqueeze(0),
        list(weights),
        has_biases=True,
        num_layers=1,
        dropout=0.0,
        train=training,
        bidirectional=False,
        batch_first=True,
    )
    return outputs


def at_end(start: Tensor, outputs: Tensor, lengths: Tensor) -> Tensor:
    """The output at each row's own last step, and the start where it has none: (batch, width)."""
    path = torch.cat([start.unsqueeze(1), outputs], 1)  # (batch, time + 1, width): place = length
    return path.gather(1, lengths.unsqueeze(1).unsqueeze(2).expand(-1, 1, start.size(1))).squeeze(1)
