"""Attention over all past outputs of a GRU, in a state that does not grow: softmax by a running mean."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from models.config import ForecasterConfig
from models.forecaster import counting
from models.layers.gru import GRULayer
from models.recurrent import RecurrentForecaster
from models.stack import Stack

LOWEST = -1e4  # below any score: the maximum of nothing
TINY = 1e-30
LARGEST = 2.0**24  # where float32 stops counting: the sum stays there, so what comes then weighs against so much


class AttentionGRUForecaster(RecurrentForecaster):
    """The decoder sees the last output of a stack of GRUs and the softmax-weighted mean of all its outputs so far.

    The score of an output is v · tanh(W h) (Bahdanau et al. 2015, arXiv:1409.0473, without a query), so it never
    changes, and the softmax is kept exactly as a running maximum and sum (online softmax: Milakov and Gimelshein 2018,
    arXiv:1805.02867) beside the mean of the outputs under it. A mean is moved towards each output and so stays among
    them however long a stream is; from 2^24 outputs of the largest score on it is a moving mean.
    """

    def __init__(self, config: ForecasterConfig) -> None:
        super().__init__(config, output=2 * config.hidden)
        self.hidden = config.hidden
        self.stack = Stack(GRULayer, config, self.features.size, config.layers)
        self.score = nn.Sequential(
            nn.Linear(config.hidden, config.hidden), nn.Tanh(), nn.Linear(config.hidden, 1, bias=False)
        )

    @property
    def recurrent_parts(self) -> list[tuple[str, int]]:
        return [*self.stack.parts, ("maximum", 1), ("sum", 1), ("mean", self.hidden)]

    @property
    def gate_parts(self) -> list[tuple[str, int]]:
        return self.stack.gates

    def rest(self) -> Tensor:
        row = super().rest()
        row[self.stack.size] = LOWEST
        return row

    def recur(self, features: Tensor, lengths: Tensor, recurrent: Tensor) -> Tensor:
        state, maximum, total, mean = self._split(recurrent)
        outputs, state = self.stack.whole(features, lengths, state)
        scores = self.score(outputs).squeeze(2)  # (batch, time)
        real = counting(scores) < lengths.unsqueeze(1)
        scores = torch.where(real, scores, torch.full_like(scores, LOWEST))
        highest = torch.maximum(maximum, scores.amax(1, keepdim=True))
        shares = torch.where(real, torch.exp(scores - highest), torch.zeros_like(scores))
        total = (total * torch.exp(maximum - highest) + shares.sum(1, keepdim=True)).clamp(max=LARGEST)
        away = (shares.unsqueeze(1) @ (outputs - mean.unsqueeze(1))).squeeze(1)  # (batch, hidden)
        return torch.cat([state, highest, total, mean + away / total.clamp(min=TINY)], 1)

    def recur_step(self, features: Tensor, recurrent: Tensor) -> tuple[Tensor, Tensor]:
        state, maximum, total, mean = self._split(recurrent)
        outputs, state, gates = self.stack.step(features, state)
        score = self.score(outputs)  # (batch, 1)
        highest = torch.maximum(maximum, score)
        share = torch.exp(score - highest)
        total = (total * torch.exp(maximum - highest) + share).clamp(max=LARGEST)
        mean = mean + share / total * (outputs - mean)
        return torch.cat([state, highest, total, mean], 1), torch.cat(gates, 1)

    def recur_ragged(self, features: Tensor, lengths: Tensor, recurrent: Tensor) -> tuple[Tensor, Tensor]:
        """All prefixes at once: each step's weights are one row of a lower triangle, in logs until the end."""
        state, maximum, total, mean = self._split(recurrent)
        outputs, state = self.stack.ragged(features, lengths, state)
        scores = self.score(outputs).squeeze(2)
        real = counting(scores) < lengths.unsqueeze(1)
        scores = torch.where(real, scores, torch.full_like(scores, LOWEST))
        before = maximum + torch.log(total.clamp(min=TINY))  # (batch, 1): log of the sum so far
        logs = torch.logcumsumexp(torch.cat([before, scores], 1), 1)[:, 1:]  # (batch, time)
        pairs = torch.exp((scores.unsqueeze(1) - logs.unsqueeze(2)).clamp(max=0.0)).tril()  # (batch, time, time)
        context = mean.unsqueeze(1) + pairs @ (outputs - mean.unsqueeze(1))  # (batch, time, hidden)
        highest = torch.maximum(maximum, scores.amax(1, keepdim=True))
        last = (lengths - 1).unsqueeze(1)
        total = torch.exp(logs.gather(1, last) - highest).clamp(max=LARGEST)
        mean = context.gather(1, last.unsqueeze(2).expand(-1, -1, self.hidden)).squeeze(1)
        return torch.cat([outputs, context], 2), torch.cat([state, highest, total, mean], 1)

    def output(self, recurrent: Tensor) -> Tensor:
        state, _, _, mean = self._split(recurrent)
        return torch.cat([self.stack.visible(state), mean], 1)

    def _split(self, recurrent: Tensor) -> tuple[Tensor, ...]:
        return torch.split(recurrent, [self.stack.size, 1, 1, self.hidden], 1)
