"""A causal convolution before the GRU: the recurrent part sees the last few steps at once."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from models.config import ForecasterConfig
from models.layers.gru import GRULayer
from models.recurrent import RecurrentForecaster
from models.stack import Stack


class ConvGRUForecaster(RecurrentForecaster):
    """Features of the last `kernel` steps, convolved, enter a stack of GRUs; the earlier ones are kept in the state."""

    places: Tensor

    def __init__(self, config: ForecasterConfig) -> None:
        if config.kernel < 2:
            raise ValueError(f"the kernel is how many steps the convolution sees, at least 2, not {config.kernel}")
        super().__init__(config, output=config.hidden)
        self.kept = config.kernel - 1  # steps of features in the state
        self.convolution = nn.Conv1d(self.features.size, config.hidden, config.kernel)
        self.stack = Stack(GRULayer, config, config.hidden, config.layers)
        self.register_buffer("places", torch.arange(self.kept), persistent=False)

    @property
    def recurrent_parts(self) -> list[tuple[str, int]]:
        return [("inputs", self.kept * self.features.size), *self.stack.parts]

    @property
    def gate_parts(self) -> list[tuple[str, int]]:
        return self.stack.gates

    def recur(self, features: Tensor, lengths: Tensor, recurrent: Tensor) -> Tensor:
        tape, state = self._tape(features, recurrent)
        _, state = self.stack.whole(self._convolved(tape), lengths, state)
        return torch.cat([self._kept(tape, lengths), state], 1)

    def recur_step(self, features: Tensor, recurrent: Tensor) -> tuple[Tensor, Tensor]:
        tape, state = self._tape(features.unsqueeze(1), recurrent)
        _, state, gates = self.stack.step(self._convolved(tape).squeeze(1), state)
        return torch.cat([tape[:, 1:].flatten(1), state], 1), torch.cat(gates, 1)

    def recur_ragged(self, features: Tensor, lengths: Tensor, recurrent: Tensor) -> tuple[Tensor, Tensor]:
        tape, state = self._tape(features, recurrent)
        outputs, state = self.stack.ragged(self._convolved(tape), lengths, state)
        return outputs, torch.cat([self._kept(tape, lengths), state], 1)

    def output(self, recurrent: Tensor) -> Tensor:
        return self.stack.visible(recurrent[:, self.kept * self.features.size :])

    def _tape(self, features: Tensor, recurrent: Tensor) -> tuple[Tensor, Tensor]:
        """Kept and new features (batch, kept + time, features), and the state of the stack."""
        size = self.kept * self.features.size
        ring = recurrent[:, :size].reshape(-1, self.kept, self.features.size)
        return torch.cat([ring, features], 1), recurrent[:, size:]

    def _convolved(self, tape: Tensor) -> Tensor:
        """(batch, kept + time, features) -> (batch, time, hidden)."""
        return functional.silu(self.convolution(tape.transpose(1, 2))).transpose(1, 2)

    def _kept(self, tape: Tensor, lengths: Tensor) -> Tensor:
        places = (lengths.unsqueeze(1) + self.places).unsqueeze(2).expand(-1, -1, self.features.size)
        return tape.gather(1, places).flatten(1)
