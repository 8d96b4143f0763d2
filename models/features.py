"""What the recurrent part sees of a step: all causal, all without units."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from models.calendar import Calendar
from models.config import ForecasterConfig
from models.holidays import HolidayFlags
from models.memory import Ring, Tape
from models.scaling import Scaling, Statistics
from models.transform import Transform

COEFFICIENT_FLOOR = -12.0  # log of the smallest coefficient of variation told apart
FARTHEST = 10.0  # deviations of a covariate that are told apart


class Features(nn.Module):
    """The reading and its seasons in deviations of the window, the window's own figures, calendar, holidays,
    covariates, static.

    A covariate or static feature is scaled by constants of the training data; a missing one is zero and a flag.
    """

    covariate_mean: Tensor
    covariate_deviation: Tensor
    static_mean: Tensor
    static_deviation: Tensor
    known: Tensor  # of the covariates: those whose values are known ahead
    places: Tensor  # of a ring and the reading after it: what the step looks at

    def __init__(self, config: ForecasterConfig) -> None:
        super().__init__()
        self.window = config.window
        self.lags = list(config.lags)
        self.transform = Transform(config.offset or 0.0)
        self.scaling = Scaling.of(config)
        self.calendar = Calendar(config.calendar or (), config.calendar_zone)
        self.holidays = None if config.holidays is None else HolidayFlags(config)
        self.covariates = len(config.covariates)
        self.static = len(config.static)
        places = [config.covariates.index(name) for name in config.future]
        self.size = 4 + 3 * len(config.lags) + self.calendar.size + config.holiday_flags
        self.size += 2 * self.covariates + 2 * self.static
        window = config.window
        self.looked_at = [window, *(window + 1 - lag for lag in config.lags), *(window - lag for lag in config.lags)]
        self.register_buffer("places", torch.tensor(self.looked_at), persistent=False)
        self.register_buffer("known", torch.tensor(places, dtype=torch.int64), persistent=False)
        for name, count in (("covariate", self.covariates), ("static", self.static)):
            self.register_buffer(f"{name}_mean", torch.zeros(count, dtype=torch.float64))
            self.register_buffer(f"{name}_deviation", torch.ones(count, dtype=torch.float64))

    def of_tape(self, tape: Tape, time: int) -> Tensor:
        """What each step of a tape looks at: residuals (batch, time, 1 + 2 lags), as `forward` takes them."""
        return torch.stack([tape.residuals[:, at : at + time] for at in self.looked_at], 2)

    def of_ring(self, ring: Ring) -> Tensor:
        """The same for the one step of a ring, (batch, 1, 1 + 2 lags)."""
        return ring.residuals(self.places).unsqueeze(1)

    def forward(
        self,
        values: Tensor,
        times: Tensor,
        residuals: Tensor,
        statistics: Statistics,
        static: Tensor | None,
    ) -> Tensor:
        """Of each step, (batch, time, size); values (batch, time, width).

        `residuals` are the reading, for each lag the one so many steps before the next, and for each the one so many
        steps before the reading.
        """
        count, mean, level, scale = statistics  # (batch, time) each
        lags = len(self.lags)
        known = normalised(residuals, mean.unsqueeze(2), scale.unsqueeze(2))
        missing = torch.isnan(residuals[:, :, : 1 + lags]).to(torch.float32)
        now, ahead, season = torch.split(known, [1, lags, lags], 2)
        # a season may be older than the window, which then tells nothing of it
        change = (now - season) * (count >= 1.0).to(torch.float32).unsqueeze(2)
        by_lag = torch.stack([ahead, change, missing[:, :, 1:]], 3).flatten(2)  # (batch, time, 3 lags)
        variation = torch.log(scale / (self.transform.size(level) + scale)).clamp(min=COEFFICIENT_FLOOR)
        figures = torch.stack([variation / 4.0, count / self.window], 2).to(torch.float32)
        pieces = [now, missing[:, :, :1], by_lag, figures, self.calendar(times)]  # (batch, time, 4 + 3 lags + calendar)
        if self.holidays is not None:
            pieces.append(self.holidays(times))
        if self.covariates:
            pieces.append(flagged(values[:, :, 1:], self.covariate_mean, self.covariate_deviation))
        if self.static:
            assert static is not None
            given = flagged(static, self.static_mean, self.static_deviation).unsqueeze(1)  # (batch, 1, 2 static)
            pieces.append(given.expand(-1, values.size(1), -1))
        return torch.cat(pieces, 2)

    def ahead(self, future: Tensor | None, times: Tensor | None) -> Tensor:
        """What the decoder is told of steps ahead, (…, ahead): of known covariates (…, known) and holidays at (…)."""
        pieces = []
        if future is not None:
            mean = self.covariate_mean.index_select(0, self.known)
            pieces.append(flagged(future, mean, self.covariate_deviation.index_select(0, self.known)))
        if self.holidays is not None:
            assert times is not None
            pieces.append(self.holidays(times))
        return torch.cat(pieces, -1)


def normalised(residual: Tensor, mean: Tensor, scale: Tensor) -> Tensor:
    """Residuals in scales of their window from its level, 0 where missing, float32."""
    scaled = ((residual - mean) / scale).to(torch.float32)
    return torch.where(torch.isnan(residual), 0.0, scaled)


def flagged(values: Tensor, mean: Tensor, deviation: Tensor) -> Tensor:
    """Values (…, n) in deviations, 0 where missing, and beside them which are missing: (…, 2 n) float32."""
    scaled = (values - mean) / deviation
    missing = torch.isnan(scaled)
    known = torch.where(missing, 0.0, scaled).clamp(-FARTHEST, FARTHEST)
    return torch.cat([known.to(torch.float32), missing.to(torch.float32)], -1)
