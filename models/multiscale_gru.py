"""GRU layers that tick at different periods: the upper ones see less often and remember for longer."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from models.config import ForecasterConfig
from models.forecaster import counting
from models.layers.gru import GRULayer
from models.recurrent import RecurrentForecaster
from models.stack import Stack

LONGEST_CYCLE = 2**24  # steps that float32 counts exactly


class MultiscaleGRUForecaster(RecurrentForecaster):
    """Layer k takes in what the layers below put out once in `periods[k]` steps and keeps its state in between.

    A clockwork (Koutnik et al. 2014, arXiv:1402.3511) of whole layers. The steps since the start, up to the common
    cycle, are kept in the state, so that the ticks do not hang on where a history is cut.
    """

    def __init__(self, config: ForecasterConfig) -> None:
        periods = config.periods or tuple(4**layer for layer in range(config.layers))
        if len(periods) != config.layers or min(periods) < 1:
            raise ValueError(f"periods are steps between two ticks of each of {config.layers} layers, not {periods}")
        if math.lcm(*periods) > LONGEST_CYCLE:
            raise ValueError(f"the common cycle of the periods {periods} is longer than {LONGEST_CYCLE} steps")
        super().__init__(config, output=config.hidden)
        self.periods = periods
        self.cycle = math.lcm(*periods)
        self.stack = Stack(GRULayer, config, self.features.size, config.layers)

    @property
    def recurrent_parts(self) -> list[tuple[str, int]]:
        return [*self.stack.parts, ("phase", 1)]

    @property
    def gate_parts(self) -> list[tuple[str, int]]:
        return self.stack.gates

    def recur(self, features: Tensor, lengths: Tensor, recurrent: Tensor) -> Tensor:
        state, phase = recurrent[:, :-1], recurrent[:, -1:]
        _, state = self.stack.whole(features, lengths, state, self._held(features, phase))
        return torch.cat([state, self._later(phase, lengths)], 1)

    def recur_step(self, features: Tensor, recurrent: Tensor) -> tuple[Tensor, Tensor]:
        state, phase = recurrent[:, :-1], recurrent[:, -1:]
        held = [None if each is None else each[:, 0] for each in self._held(features.unsqueeze(1), phase)]
        _, state, gates = self.stack.step(features, state, held)
        one = torch.ones_like(phase[:, 0], dtype=torch.int64)
        return torch.cat([state, self._later(phase, one)], 1), torch.cat(gates, 1)

    def recur_ragged(self, features: Tensor, lengths: Tensor, recurrent: Tensor) -> tuple[Tensor, Tensor]:
        state, phase = recurrent[:, :-1], recurrent[:, -1:]
        outputs, state = self.stack.ragged(features, lengths, state, self._held(features, phase))
        return outputs, torch.cat([state, self._later(phase, lengths)], 1)

    def output(self, recurrent: Tensor) -> Tensor:
        return self.stack.visible(recurrent[:, :-1])

    def _held(self, features: Tensor, phase: Tensor) -> list[Tensor | None]:
        """For each layer, 1 at the steps that it skips, (batch, time, 1)."""
        count = phase.to(torch.int64) + counting(features[:, :, 0])  # (batch, time), steps before each
        flags = [(torch.remainder(count, period) != 0).to(features.dtype).unsqueeze(2) for period in self.periods]
        return [None if period == 1 else flag for period, flag in zip(self.periods, flags, strict=True)]

    def _later(self, phase: Tensor, steps: Tensor) -> Tensor:
        return torch.remainder(phase.to(torch.int64) + steps.unsqueeze(1), self.cycle).to(phase.dtype)
