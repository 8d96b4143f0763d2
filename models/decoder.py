"""The head: a learned mix of the seasonal naive continuations and a correction, as quantiles for every step ahead."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from models.config import ForecasterConfig
from models.lags import naive_positions
from models.quantiles import NonCrossingQuantiles, gaussian_bias

RANK = 8  # directions in which known covariates act; how each acts, the state decides
DROPPED = -1e4  # before a softmax: no part at all, and still a number in float16
START_DEVIATION = 0.5  # spread of an untrained forecast, in deviations of the window


class Decoder(nn.Module):
    """Output of the recurrent part and the normalised values at `places` of the window -> quantiles, in its deviations.

    The median is a weighted mean (softmax) of the last value, the seasonal naives and the window's level, plus a
    correction. A naive whose value is missing drops out of the mean. Additive over the horizon: nothing here is of the
    size batch x horizon x features.
    """

    places: Tensor

    def __init__(self, config: ForecasterConfig, inputs: int) -> None:
        super().__init__()
        self.horizon = config.horizon
        self.levels = len(config.quantiles)
        self.candidates = len(config.lags) + 2
        self.norm = nn.LayerNorm(inputs)
        self.dropout = nn.Dropout(config.dropout)
        self.expand = nn.Linear(inputs, config.hidden)
        self.mix = nn.Linear(config.hidden, self.horizon * self.candidates)
        self.correction = nn.Linear(config.hidden, self.horizon * self.levels)
        if config.future:
            self.lift = nn.Linear(2 * len(config.future), RANK)
            self.response = nn.Linear(config.hidden, self.levels * RANK)
        self.quantiles = NonCrossingQuantiles(config.quantiles)
        self.median = self.quantiles.median
        naives = naive_positions(config.lags, config.window, config.horizon).reshape(-1)
        last = torch.tensor([config.window - 1])
        self.register_buffer("places", torch.cat([naives, last]), persistent=False)  # of a window, that are looked at
        with torch.no_grad():
            self.mix.weight.mul_(0.1)
            self.mix.bias.zero_()
            if config.future:
                self.response.weight.mul_(0.1)
                self.response.bias.zero_()
            self.correction.weight.mul_(0.1)
            self.correction.bias.copy_(gaussian_bias(config.quantiles, START_DEVIATION).repeat_interleave(self.horizon))

    def lifted(self, known: Tensor) -> Tensor:
        """Known covariates of steps ahead (…, 2 known) in a few learned directions, (…, rank)."""
        directions: Tensor = nn.functional.silu(self.lift(known))
        return directions

    def forward(self, outputs: Tensor, seen: Tensor, lifted: Tensor | None = None) -> Tensor:
        """outputs (…, inputs), seen (…, places), NaN where missing, lifted (…, rank, horizon) where covariates are
        known ahead -> (…, horizon, quantiles).
        """
        shape = outputs.shape[:-1]
        hidden = nn.functional.silu(self.expand(self.dropout(self.norm(outputs))))
        naive = seen[..., :-1].reshape((*shape, self.candidates - 2, self.horizon))  # (…, lags, horizon)
        last = seen[..., -1:].unsqueeze(-1).expand((*shape, 1, self.horizon))
        choices = torch.cat([naive, last, torch.zeros_like(last)], -2)  # (…, candidates, horizon)
        missing = torch.isnan(choices)
        weights = self.mix(hidden).reshape((*shape, self.candidates, self.horizon))
        weights = weights.masked_fill(missing, DROPPED).softmax(-2)
        mixed = (weights * choices.masked_fill(missing, 0.0)).sum(-2)  # (…, horizon)
        raw = self.correction(hidden).reshape((*shape, self.levels, self.horizon))
        if lifted is not None:
            raw = raw + self.response(hidden).reshape((*shape, self.levels, RANK)) @ lifted
        quantiles: Tensor = self.quantiles(raw) + mixed.unsqueeze(-2)
        return quantiles.transpose(-1, -2).contiguous()
