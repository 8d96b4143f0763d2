"""What the recurrent part sees of a step: all causal, all without units."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from models.calendar import Calendar
from models.config import ForecasterConfig
from models.lags import lagged
from models.memory import Tape
from models.scaling import Scaling, Statistics
from models.transform import Transform

COEFFICIENT_FLOOR = -12.0  # log of the smallest coefficient of variation told apart
FARTHEST = 10.0  # deviations of a covariate that are told apart


class Features(nn.Module):
    """The reading and its seasons in deviations of the window, the window's own figures, calendar, covariates, static.

    A covariate or static feature is scaled by constants of the training data; a missing one is zero and a flag.
    """

    covariate_mean: Tensor
    covariate_deviation: Tensor
    static_mean: Tensor
    static_deviation: Tensor
    known: Tensor  # of the covariates: those whose values are known ahead

    def __init__(self, config: ForecasterConfig) -> None:
        super().__init__()
        self.window = config.window
        self.lags = list(config.lags)
        self.scaling = Scaling(config.scaling)
        self.transform = Transform(config.offset or 0.0)
        self.calendar = Calendar(config.calendar or ())
        self.covariates = len(config.covariates)
        self.static = len(config.static)
        places = [config.covariates.index(name) for name in config.future]
        self.size = 4 + 3 * len(config.lags) + self.calendar.size + 2 * self.covariates + 2 * self.static
        self.register_buffer("known", torch.tensor(places, dtype=torch.int64), persistent=False)
        for name, count in (("covariate", self.covariates), ("static", self.static)):
            self.register_buffer(f"{name}_mean", torch.zeros(count, dtype=torch.float64))
            self.register_buffer(f"{name}_deviation", torch.ones(count, dtype=torch.float64))

    def forward(
        self,
        values: Tensor,
        times: Tensor,
        tape: Tape,
        statistics: Statistics,
        static: Tensor | None,
    ) -> Tensor:
        """Of each step, (batch, time, size); values (batch, time, width)."""
        time = values.size(1)
        mean, empty = statistics.mean, statistics.count < 1.0
        level, scale = self.scaling.absolute(statistics, tape.anchor, self.transform)  # (batch, time)
        now = tape.residuals[:, self.window :]
        parts = [normalised(now, mean, scale), torch.isnan(now).to(torch.float32)]
        for lag in self.lags:
            ahead = lagged(tape.residuals, lag, time)
            season = tape.residuals[:, self.window - lag : self.window - lag + time]
            change = normalised(now, mean, scale) - normalised(season, mean, scale)
            parts.append(normalised(ahead, mean, scale))
            parts.append(torch.where(empty, torch.zeros_like(change), change))  # a season may be older than the window
            parts.append(torch.isnan(ahead).to(torch.float32))
        variation = torch.log(scale / (self.transform.size(level) + scale)).clamp(min=COEFFICIENT_FLOOR)
        parts.append((variation / 4.0).to(torch.float32))
        parts.append((statistics.count / self.window).to(torch.float32))
        pieces = [torch.stack(parts, 2), self.calendar(times)]  # (batch, time, 4 + 3 lags), (batch, time, calendar)
        if self.covariates:
            pieces.append(flagged(values[:, :, 1:], self.covariate_mean, self.covariate_deviation))
        if self.static:
            assert static is not None
            given = flagged(static, self.static_mean, self.static_deviation).unsqueeze(1)  # (batch, 1, 2 static)
            pieces.append(given.expand(-1, time, -1))
        return torch.cat(pieces, 2)

    def ahead(self, future: Tensor) -> Tensor:
        """Known covariates (…, known) as the decoder sees them, (…, 2 known)."""
        mean = self.covariate_mean.index_select(0, self.known)
        return flagged(future, mean, self.covariate_deviation.index_select(0, self.known))


def normalised(residual: Tensor, mean: Tensor, scale: Tensor) -> Tensor:
    """Residuals in scales of their window from its level, 0 where missing, float32."""
    scaled = ((residual - mean) / scale).to(torch.float32)
    return torch.where(torch.isnan(residual), torch.zeros_like(scaled), scaled)


def flagged(values: Tensor, mean: Tensor, deviation: Tensor) -> Tensor:
    """Values (…, n) in deviations, 0 where missing, and beside them which are missing: (…, 2 n) float32."""
    scaled = (values - mean) / deviation
    missing = torch.isnan(scaled)
    known = torch.where(missing, torch.zeros_like(scaled), scaled).clamp(-FARTHEST, FARTHEST)
    return torch.cat([known.to(torch.float32), missing.to(torch.float32)], -1)
