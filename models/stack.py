"""A stack of recurrent layers of one width with residual connections, and the forecaster that is one such stack."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import ClassVar

import torch
from torch import Tensor, nn

from models.config import ForecasterConfig
from models.forecaster import counting
from models.layers.dropout import Dropout
from models.layers.layer import Layer
from models.layers.norm import Normalisation
from models.layers.zoneout import zoned_out
from models.recurrent import RecurrentForecaster

Held = Sequence[Tensor | None] | None  # by layer, where a layer skips steps


class Stack(nn.Module):
    """Layers of one width, each added to what it was given; so what the stack puts out is the sum of their outputs.

    The first layer of a network is not added to its inputs, which are features. A state: those of the layers.
    """

    def __init__(
        self, kind: type[Layer], config: ForecasterConfig, inputs: int, layers: int, first: bool = True
    ) -> None:
        super().__init__()
        width = config.hidden
        sizes = [inputs] + [width] * (layers - 1)
        self.first = first
        self.zoneout = config.zoneout
        self.layers: list[Layer] = nn.ModuleList(kind(size, width) for size in sizes)  # type: ignore[assignment]
        between = layers - 1 if first else layers
        self.norms = nn.ModuleList(Normalisation(config.normalisation, width) for _ in range(between))
        self.dropout = Dropout(config.dropout)
        for layer in self.layers:
            layer.start(longest_memory=config.window)

    @property
    def parts(self) -> list[tuple[str, int]]:
        """Name and size of each slice of the state."""
        return [(f"{name}.{at + 1}", size) for at, layer in enumerate(self.layers) for name, size in layer.parts]

    @property
    def gates(self) -> list[tuple[str, int]]:
        """Name and size of each slice of the gates."""
        return [(f"{at + 1}.{gate}", layer.width) for at, layer in enumerate(self.layers) for gate in layer.gates]

    @property
    def size(self) -> int:
        return sum(layer.size for layer in self.layers)

    def whole(self, inputs: Tensor, lengths: Tensor, state: Tensor, held: Held = None) -> tuple[Tensor, Tensor]:
        """Padded rows (batch, time, inputs) -> outputs (batch, time, width) and each row's state at its own end."""
        last = []
        for at, (layer, before) in enumerate(zip(self.layers, self._split(state), strict=True)):
            outputs, after = layer.whole(self._given(at, inputs), lengths, before, held[at] if held else None)
            last.append(after)
            inputs = outputs if at == 0 and self.first else inputs + outputs
        return inputs, torch.cat(last, 1)

    def ragged(self, inputs: Tensor, lengths: Tensor, state: Tensor, held: Held = None) -> tuple[Tensor, Tensor]:
        """The same in training, with dropout and zoneout; lengths from 1 on."""
        rows = lengths.cpu()
        real = counting(inputs[:, :, 0]) < lengths.unsqueeze(1)
        last = []
        for at, (layer, before) in enumerate(zip(self.layers, self._split(state), strict=True)):
            given = self._given(at, inputs, real)
            given = self.dropout(given) if at or not self.first else given
            skipped = held[at] if held else None
            if self.training and self.zoneout:
                skipped = zoned_out(self.zoneout, given, layer.width, skipped)
            outputs, after = layer.ragged(given, lengths, rows, before, skipped)
            last.append(after)
            inputs = outputs if at == 0 and self.first else inputs + outputs
        return inputs, torch.cat(last, 1)

    def step(self, inputs: Tensor, state: Tensor, held: Held = None) -> tuple[Tensor, Tensor, list[Tensor]]:
        """One step (batch, inputs) -> output (batch, width), the new state, the gates."""
        last: list[Tensor] = []
        gates: list[Tensor] = []
        for at, (layer, before) in enumerate(zip(self.layers, self._split(state), strict=True)):
            after, shown = layer.step(self._given(at, inputs), before, held[at] if held else None)
            last.append(after)
            gates.extend(shown)
            outputs = layer.visible(after)
            inputs = outputs if at == 0 and self.first else inputs + outputs
        return inputs, torch.cat(last, 1), gates

    def visible(self, state: Tensor) -> Tensor:
        """What a state puts out, (batch, width)."""
        parts = [layer.visible(before) for layer, before in zip(self.layers, self._split(state), strict=True)]
        return reduce(torch.add, parts)

    def _given(self, at: int, inputs: Tensor, real: Tensor | None = None) -> Tensor:
        place = at - 1 if self.first else at
        if place < 0:
            return inputs
        normal: Tensor = self.norms[place](inputs, real)
        return normal

    def _split(self, state: Tensor) -> tuple[Tensor, ...]:
        return torch.split(state, [layer.size for layer in self.layers], 1)


class StackedForecaster(RecurrentForecaster):
    """One stack of `layers` layers of a `kind`; the decoder sees the sum of what they put out."""

    kind: ClassVar[type[Layer]]

    def __init__(self, config: ForecasterConfig) -> None:
        super().__init__(config, output=config.hidden)
        self.stack = Stack(self.kind, config, self.features.size, config.layers)

    @property
    def recurrent_parts(self) -> list[tuple[str, int]]:
        return self.stack.parts

    @property
    def gate_parts(self) -> list[tuple[str, int]]:
        return self.stack.gates

    def recur(self, features: Tensor, lengths: Tensor, recurrent: Tensor) -> Tensor:
        return self.stack.whole(features, lengths, recurrent)[1]

    def recur_step(self, features: Tensor, recurrent: Tensor) -> tuple[Tensor, Tensor]:
        _, recurrent, gates = self.stack.step(features, recurrent)
        return recurrent, torch.cat(gates, 1)

    def recur_ragged(self, features: Tensor, lengths: Tensor, recurrent: Tensor) -> tuple[Tensor, Tensor]:
        return self.stack.ragged(features, lengths, recurrent)

    def output(self, recurrent: Tensor) -> Tensor:
        return self.stack.visible(recurrent)
