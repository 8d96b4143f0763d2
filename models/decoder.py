"""The head: a learned mix of the seasonal naive continuations and a correction, as quantiles for every step ahead."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from models.config import ForecasterConfig
from models.lags import SeasonalMean, naive_positions
from models.layers.dropout import Dropout
from models.memory import Ring, Tape
from models.quantiles import NonCrossingQuantiles, gaussian_bias

RANK = 8  # directions in which known covariates act, and in which the choices do; how each acts, the state decides
DROPPED = -1e4  # before a softmax: no part at all, and still a number in float16
START_DEVIATION = 0.5  # spread of an untrained forecast, in deviations of the window


class Decoder(nn.Module):
    """Output of the recurrent part and the normalised values at `places` of the window -> quantiles, in its deviations.

    The median is a weighted mean (softmax) of the last value, the seasonal naives and the window's level, plus a
    correction. What is missing drops out of the mean. Additive over the horizon: nothing here is of the size batch x
    horizon x features.

    A `local` decoder mixes in the mean of the window's shortest seasons too, and its correction sees what it mixes: how
    far the choices lie apart at a step ahead says how wide its band must be, and on which side. They act in a few
    learned directions, and how each acts the state decides, as with known covariates.
    """

    places: Tensor
    every: Tensor  # place of a window
    phases: Tensor  # of the steps ahead in the shortest season

    def __init__(self, config: ForecasterConfig, inputs: int) -> None:
        super().__init__()
        self.horizon = config.horizon
        self.levels = len(config.quantiles)
        self.local = config.decoder == "local"
        self.seasonal = SeasonalMean(config.lags[0], config.window, config.horizon) if self.local else None
        self.candidates = len(config.lags) + 2 + self.local
        self.norm = nn.LayerNorm(inputs)
        self.dropout = Dropout(config.dropout)
        self.expand = nn.Linear(inputs, config.hidden)
        self.mix = nn.Linear(config.hidden, self.horizon * self.candidates)
        self.correction = nn.Linear(config.hidden, self.horizon * self.levels)
        if self.local:
            self.contrast = nn.Linear(self.candidates + 1, RANK)
            self.contrasted = nn.Linear(config.hidden, self.levels * RANK)
        if config.ahead:
            self.lift = nn.Linear(config.ahead, RANK)
            self.response = nn.Linear(config.hidden, self.levels * RANK)
        self.quantiles = NonCrossingQuantiles(config.quantiles)
        self.median = self.quantiles.median
        naives = naive_positions(config.lags, config.window, config.horizon).reshape(-1)
        last = torch.tensor([config.window - 1])
        self.register_buffer("places", torch.cat([naives, last]), persistent=False)  # of a window, that are looked at
        self.register_buffer("every", torch.arange(config.window), persistent=False)
        self.register_buffer("phases", torch.arange(config.horizon) % config.lags[0], persistent=False)
        with torch.no_grad():
            self.mix.weight.mul_(0.1)
            self.mix.bias.zero_()
            if self.local:
                self.contrasted.weight.mul_(0.1)
                self.contrasted.bias.zero_()
            if config.ahead:
                self.response.weight.mul_(0.1)
                self.response.bias.zero_()
            self.correction.weight.mul_(0.1)
            self.correction.bias.copy_(gaussian_bias(config.quantiles, START_DEVIATION).repeat_interleave(self.horizon))

    def widen(self, shift: float) -> None:
        """Raises the raw outputs that the gaps between quantiles come from, at every step ahead."""
        raw = self.correction.bias.view(self.levels, self.horizon)
        raw[: self.median] += shift
        raw[self.median + 1 :] += shift

    def seen(self, ring: Ring) -> Tensor:
        """What of a window is looked at, float64 (batch, looked at): each naive's steps ahead, those of the mean of
        seasons, and the last reading."""
        if self.seasonal is None:
            return ring.residuals(self.places)
        known = ring.residuals(self.every)
        mean = self.seasonal.of_window(known, self.phases)
        return torch.cat([known.index_select(1, self.places[:-1]), mean, known[:, -1:]], 1)

    def seen_along(self, tape: Tape, window: int, origins: slice) -> Tensor:
        """The same of the windows that end at the origins of a tape, (batch, origins, looked at)."""
        windows = tape.residuals.unfold(1, window, 1)[:, 1:][:, origins]  # (batch, origins, window), a view
        if self.seasonal is None:
            return windows.index_select(2, self.places)
        mean = self.seasonal.of_tape(tape.residuals, self.phases, origins)
        return torch.cat([windows.index_select(2, self.places[:-1]), mean, windows[:, :, -1:]], 2)

    def lifted(self, known: Tensor) -> Tensor:
        """What is known of steps ahead (…, ahead) in a few learned directions, (…, rank)."""
        directions: Tensor = nn.functional.silu(self.lift(known))
        return directions

    def forward(self, outputs: Tensor, seen: Tensor, lifted: Tensor | None = None) -> Tensor:
        """outputs (…, inputs), seen (…, looked at), NaN where missing, lifted (…, rank, horizon) where covariates are
        known ahead -> (…, horizon, quantiles).
        """
        shape = outputs.shape[:-1]
        hidden = nn.functional.silu(self.expand(self.dropout(self.norm(outputs))))
        naive = seen[..., :-1].reshape((*shape, self.candidates - 2, self.horizon))  # (…, naives and mean, horizon)
        last = seen[..., -1:].unsqueeze(-1).expand((*shape, 1, self.horizon))
        choices = torch.cat([naive, last, torch.zeros_like(last)], -2)  # (…, candidates, horizon)
        missing = torch.isnan(choices)
        weights = self.mix(hidden).reshape((*shape, self.candidates, self.horizon))
        weights = weights.masked_fill(missing, DROPPED).softmax(-2)
        mixed = (weights * choices.masked_fill(missing, 0.0)).sum(-2)  # (…, horizon)
        raw = self.correction(hidden).reshape((*shape, self.levels, self.horizon))
        if self.local:
            apart = torch.where(missing, 0.0, choices - mixed.unsqueeze(-2))
            sides = torch.cat([apart, mixed.unsqueeze(-2)], -2)  # (…, candidates + 1, horizon)
            sides = nn.functional.silu(self.contrast.weight @ sides + self.contrast.bias.unsqueeze(-1))
            raw = raw + self.contrasted(hidden).reshape((*shape, self.levels, RANK)) @ sides
        if lifted is not None:
            raw = raw + self.response(hidden).reshape((*shape, self.levels, RANK)) @ lifted
        quantiles: Tensor = self.quantiles(raw) + mixed.unsqueeze(-2)
        return quantiles.transpose(-1, -2).contiguous()
