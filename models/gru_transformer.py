"""A GRU for what is near and attention over a bounded window of its outputs for what is further back."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from models.config import ForecasterConfig
from models.layers.dropout import Dropout
from models.layers.gru import GRULayer
from models.recurrent import RecurrentForecaster
from models.stack import Stack

FAR = -1e9  # score of a place where no output is yet


class GRUTransformerForecaster(RecurrentForecaster):
    """One pre-norm transformer block (Vaswani et al. 2017, arXiv:1706.03762) whose query is the last output of a stack
    of GRUs and whose keys and values are its last `attended` outputs, which the state keeps.

    Causal by construction; how far back a place is enters as a learned bias of each head.
    """

    places: Tensor

    def __init__(self, config: ForecasterConfig) -> None:
        if config.attended < 1 or config.heads < 1 or config.hidden % config.heads:
            raise ValueError(
                f"attended must be at least 1 and hidden a multiple of heads; "
                f"got {config.attended}, {config.hidden} and {config.heads}"
            )
        super().__init__(config, output=config.hidden)
        self.hidden, self.heads, self.attended = config.hidden, config.heads, config.attended
        self.stack = Stack(GRULayer, config, self.features.size, config.layers)
        self.before = nn.LayerNorm(config.hidden)
        self.query = nn.Linear(config.hidden, config.hidden)
        self.keys = nn.Linear(config.hidden, 2 * config.hidden)
        self.nearness = nn.Parameter(torch.zeros(config.heads, config.attended))
        self.join = nn.Linear(config.hidden, config.hidden)
        self.wide = nn.Sequential(
            nn.LayerNorm(config.hidden),
            nn.Linear(config.hidden, 2 * config.hidden),
            nn.SiLU(),
            Dropout(config.dropout),
            nn.Linear(2 * config.hidden, config.hidden),
        )
        self.register_buffer("places", torch.arange(config.attended), persistent=False)

    @property
    def recurrent_parts(self) -> list[tuple[str, int]]:
        return [*self.stack.parts, ("outputs", self.attended * self.hidden), ("filled", 1)]

    @property
    def gate_parts(self) -> list[tuple[str, int]]:
        return self.stack.gates

    def recur(self, features: Tensor, lengths: Tensor, recurrent: Tensor) -> Tensor:
        state, ring, filled = self._split(recurrent)
        outputs, state = self.stack.whole(features, lengths, state)
        return torch.cat([state, *self._kept(torch.cat([ring, outputs], 1), lengths, filled)], 1)

    def recur_step(self, features: Tensor, recurrent: Tensor) -> tuple[Tensor, Tensor]:
        state, ring, filled = self._split(recurrent)
        outputs, state, gates = self.stack.step(features, state)
        ring = torch.cat([ring[:, 1:], outputs.unsqueeze(1)], 1)
        filled = (filled + 1).clamp(max=float(self.attended))
        return torch.cat([state, ring.flatten(1), filled], 1), torch.cat(gates, 1)

    def recur_ragged(self, features: Tensor, lengths: Tensor, recurrent: Tensor) -> tuple[Tensor, Tensor]:
        state, ring, filled = self._split(recurrent)
        outputs, state = self.stack.ragged(features, lengths, state)
        tape = torch.cat([ring, outputs], 1)  # (batch, attended + time, hidden)
        both = self.keys(self.before(tape)).unfold(1, self.attended, 1)[:, 1:]  # (batch, time, 2 hidden, attended)
        steps = torch.arange(1, outputs.size(1) + 1, device=outputs.device)
        seen = (filled + steps).clamp(max=float(self.attended))  # (batch, time)
        attended = self._attend(outputs, both, seen)
        return attended, torch.cat([state, *self._kept(tape, lengths, filled)], 1)

    def output(self, recurrent: Tensor) -> Tensor:
        _, ring, filled = self._split(recurrent)
        both = self.keys(self.before(ring)).transpose(1, 2).unsqueeze(1)  # (batch, 1, 2 hidden, attended)
        return self._attend(ring[:, -1:], both, filled).squeeze(1)

    def _attend(self, outputs: Tensor, both: Tensor, seen: Tensor) -> Tensor:
        """outputs (batch, time, hidden), keys and values (batch, time, 2 hidden, attended), seen (batch, time)."""
        shape = (outputs.size(0), outputs.size(1), self.heads, self.hidden // self.heads)
        query = self.query(self.before(outputs)).reshape(shape).unsqueeze(3)  # (batch, time, heads, 1, width)
        keys, values = torch.split(both, self.hidden, 2)
        keys = keys.reshape((*shape, self.attended))  # (batch, time, heads, width, attended)
        scores = (query @ keys).squeeze(3) * shape[3] ** -0.5 + self.nearness  # (batch, time, heads, attended)
        empty = self.places < (self.attended - seen).unsqueeze(2)  # (batch, time, attended)
        weights = scores.masked_fill(empty.unsqueeze(2), FAR).softmax(3)
        mixed = (values.reshape((*shape, self.attended)) @ weights.unsqueeze(4)).squeeze(4).flatten(2)
        joined = outputs + self.join(mixed)
        attended: Tensor = joined + self.wide(joined)
        return attended

    def _kept(self, tape: Tensor, lengths: Tensor, filled: Tensor) -> tuple[Tensor, Tensor]:
        places = (lengths.unsqueeze(1) + self.places).unsqueeze(2).expand(-1, -1, self.hidden)
        filled = (filled + lengths.unsqueeze(1).to(filled.dtype)).clamp(max=float(self.attended))
        return tape.gather(1, places).flatten(1), filled

    def _split(self, recurrent: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        state, ring, filled = torch.split(recurrent, [self.stack.size, self.attended * self.hidden, 1], 1)
        return state, ring.reshape(-1, self.attended, self.hidden), filled
