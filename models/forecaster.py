"""The forecaster's one signature, its flat state, and all that stands between a reading and a forecast."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import NamedTuple

import torch
from torch import Tensor, nn

from models.calendar import Calendar
from models.config import ForecasterConfig
from models.decoder import Decoder
from models.lags import lagged
from models.scaling import absolute, ring_statistics, tape_statistics

COEFFICIENT_FLOOR = -12.0  # log of the smallest coefficient of variation told apart


def counting(like: Tensor) -> Tensor:
    """0, 1, 2, … along the second dimension of (batch, time), int64; a traced graph keeps no device in it."""
    return torch.ones_like(like, dtype=torch.int64).cumsum(1) - 1


class Slice(NamedTuple):
    """Numbers `start` to `stop` of a state row."""

    name: str
    start: int
    stop: int


class Fork(NamedTuple):
    """All horizons decoded at every step: forecast = level + scale * quantiles."""

    quantiles: Tensor  # (batch, time, horizon, quantiles) float32, in deviations of the window
    level: Tensor  # (batch, time) float64
    scale: Tensor  # (batch, time) float64
    seen: Tensor  # (batch, time) float64: readings that the window has seen
    state: Tensor  # (batch, state)
    features: Tensor  # (batch, time, inputs) float32: what the recurrent part was given


class Forecaster(nn.Module, ABC):
    """A recurrent forecaster whose whole memory is one flat float32 row.

    A row holds the recurrent state (`recurrent`), the ring of the last `window` readings as residuals (`lags`), the
    `anchor` that they are taken from, and `age`, the steps since the anchor could last move (it follows the series, so
    that a register that only grows keeps its decimals for years). An architecture fills in the four `recur` methods.
    """

    gate_names: tuple[str, ...]  # of one layer's gates, in the order of `step`, each as wide as the layer
    places: Tensor
    covariate_mean: Tensor
    covariate_deviation: Tensor

    def __init__(self, config: ForecasterConfig, recurrent: int, output: int, gates: int) -> None:
        super().__init__()
        self.config = config
        self.window = config.window
        self.lags = list(config.lags)
        self.width = config.width
        self.recurrent = recurrent
        self.gate_count = gates
        self.state_size = recurrent + self.window + 2
        self.calendar = Calendar(config.calendar)
        self.decoder = Decoder(config, output)
        count = len(config.covariates)
        self.register_buffer("places", torch.arange(self.window), persistent=False)
        self.register_buffer("covariate_mean", torch.zeros(count, dtype=torch.float64))
        self.register_buffer("covariate_deviation", torch.ones(count, dtype=torch.float64))

    @staticmethod
    def inputs(config: ForecasterConfig) -> int:
        """Numbers that the recurrent part is given at each step."""
        return 4 + 3 * len(config.lags) + Calendar(config.calendar).size + 2 * len(config.covariates)

    @property
    def layout(self) -> list[Slice]:
        """The slices of a state row, in order."""
        ring, anchor = self.recurrent, self.recurrent + self.window
        return [
            Slice("recurrent", 0, ring),
            Slice("lags", ring, anchor),
            Slice("anchor", anchor, anchor + 1),
            Slice("age", anchor + 1, anchor + 2),
        ]

    def initial(self) -> Tensor:
        """The row of a session that has no reading yet, (state,): nothing seen, no anchor."""
        row = torch.zeros(self.state_size)
        row[self.recurrent : self.recurrent + self.window + 1] = float("nan")
        return row

    def primed(self, before: Tensor) -> Tensor:
        """Rows that know `before`, float64 (batch, window, width), as past values but have no recurrent memory yet."""
        target = before[:, :, 0]
        seen = ~torch.isnan(target)
        last = torch.where(seen, self.places, torch.full_like(self.places, -1)).amax(1)  # (batch,)
        anchor = target.gather(1, last.clamp(min=0).unsqueeze(1)).to(torch.float32)
        anchor = torch.where(last.unsqueeze(1) >= 0, anchor, torch.full_like(anchor, float("nan")))
        ring = (target - anchor.to(torch.float64)).to(torch.float32)
        hidden = torch.zeros(before.size(0), self.recurrent, device=before.device)
        return torch.cat([hidden, ring, anchor, torch.zeros_like(anchor)], 1)

    # -- the signature ------------------------------------------------------------------------------------------

    def sequence(self, values: Tensor, times: Tensor, lengths: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """Forecasts after each row's last step, float64 (batch, horizon, quantiles), and states there.

        values float64 (batch, time, width), NaN where missing; times int64 (batch, time); lengths int64 (batch,), where
        0 leaves the state as it is and forecasts from it; state float32 (batch, state).
        """
        recurrent = state[:, : self.recurrent]
        tape, anchor = self.tape(values[:, :, 0], lengths, state)
        mean, deviation, count = tape_statistics(tape, self.window)
        features = self.features(values, times, tape, mean, deviation, count, anchor)
        recurrent = self.recur(features, lengths, recurrent)
        ring = tape.gather(1, lengths.unsqueeze(1) + self.places)  # (batch, window)
        tail = self.settle(values[:, :, 0], lengths, state, ring, anchor)
        return self.decode(recurrent, tail), torch.cat([recurrent, tail], 1)

    def step(self, values: Tensor, times: Tensor, state: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """One reading a row: values float64 (batch, width), times int64 (batch,), state float32 (batch, state).

        Returns forecasts float64 (batch, horizon, quantiles), the new states, and the gates (batch, gates) by layer as
        r, z, n. Nothing here loops over time.
        """
        recurrent = state[:, : self.recurrent]
        target = values[:, :1]
        lengths = torch.ones_like(times)
        tape, anchor = self.tape(target, lengths, state)
        ring = tape[:, 1:]
        mean, deviation, count = ring_statistics(ring)
        features = self.features(
            values.unsqueeze(1),
            times.unsqueeze(1),
            tape,
            mean.unsqueeze(1),
            deviation.unsqueeze(1),
            count.unsqueeze(1),
            anchor,
        )
        recurrent, gates = self.recur_step(features.squeeze(1), recurrent)
        tail = self.settle(target, lengths, state, ring, anchor)
        return self.decode(recurrent, tail), torch.cat([recurrent, tail], 1), gates

    def fork(self, values: Tensor, times: Tensor, lengths: Tensor, state: Tensor) -> Fork:
        """What `sequence` would forecast after each of its steps, for training and backtests; lengths from 1 on."""
        recurrent = state[:, : self.recurrent]
        tape, anchor = self.tape(values[:, :, 0], lengths, state)
        mean, deviation, count = tape_statistics(tape, self.window)
        features = self.features(values, times, tape, mean, deviation, count, anchor)
        outputs, recurrent = self.recur_ragged(features, lengths, recurrent)
        level, scale = absolute(mean, deviation, count, anchor)
        windows = tape.unfold(1, self.window, 1)[:, 1:]  # (batch, time, window), a view
        seen = windows.index_select(2, self.decoder.places).to(torch.float64)
        seen = ((seen - mean.unsqueeze(2)) / scale.unsqueeze(2)).to(torch.float32)  # (batch, time, places)
        quantiles = self.decoder(outputs, seen)
        ring = tape.gather(1, lengths.unsqueeze(1) + self.places)
        tail = self.settle(values[:, :, 0], lengths, state, ring, anchor)
        return Fork(quantiles, level, scale, count, torch.cat([recurrent, tail], 1), features=features)

    # -- an architecture's part ---------------------------------------------------------------------------------

    @abstractmethod
    def recur(self, features: Tensor, lengths: Tensor, recurrent: Tensor) -> Tensor:
        """The recurrent state after each row's last step: features (batch, time, inputs) -> (batch, recurrent)."""

    @abstractmethod
    def recur_step(self, features: Tensor, recurrent: Tensor) -> tuple[Tensor, Tensor]:
        """One step: features (batch, inputs) -> the new recurrent state and the gates (batch, gates)."""

    @abstractmethod
    def recur_ragged(self, features: Tensor, lengths: Tensor, recurrent: Tensor) -> tuple[Tensor, Tensor]:
        """Outputs at each step of ragged rows (batch, time, output), and each row's last recurrent state; lengths >= 1.

        What stands behind a row's end is undefined and must reach nothing before it.
        """

    @abstractmethod
    def output(self, recurrent: Tensor) -> Tensor:
        """What the decoder sees of a recurrent state: (batch, recurrent) -> (batch, output)."""

    # -- shared parts -------------------------------------------------------------------------------------------

    def tape(self, target: Tensor, lengths: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """Ring and new readings as one run of residuals (batch, window + time), and the anchor they are taken from.

        A row without an anchor takes its first reading, rounded to float32, so that the anchor itself is exact.
        """
        ring = state[:, self.recurrent : self.recurrent + self.window]
        anchor = state[:, self.recurrent + self.window : self.recurrent + self.window + 1]  # (batch, 1)
        places = counting(target)
        real = ~torch.isnan(target) & (places < lengths.unsqueeze(1))
        first = real.to(torch.int64).argmax(1, keepdim=True)  # (batch, 1)
        start = torch.where(real.gather(1, first), target.gather(1, first), torch.zeros_like(target[:, :1]))
        anchor = torch.where(torch.isnan(anchor), start.to(torch.float32), anchor)
        residual = (target - anchor.to(torch.float64)).to(torch.float32)
        return torch.cat([ring, residual], 1), anchor

    def settle(self, target: Tensor, lengths: Tensor, state: Tensor, ring: Tensor, anchor: Tensor) -> Tensor:
        """The new ring, anchor and age, (batch, window + 2); once a window the anchor moves to the series."""
        before = state[:, self.recurrent + self.window : self.recurrent + self.window + 1]
        age = state[:, self.recurrent + self.window + 1 :].to(torch.int64)  # (batch, 1)
        places = counting(target)
        real = ~torch.isnan(target) & (places < lengths.unsqueeze(1))
        turn = torch.remainder(age + places + 1, self.window) == 0
        none = torch.full_like(lengths, -1).unsqueeze(1)
        last = torch.where(real & turn, places, none).amax(1, keepdim=True)  # (batch, 1)
        moved = target.gather(1, last.clamp(min=0)).to(torch.float32)
        target_anchor = torch.where(last >= 0, moved, anchor)
        seen = real.to(torch.int64).amax(1, keepdim=True) > 0
        new = torch.where(torch.isnan(before) & ~seen, before, target_anchor)
        shift = torch.where(torch.isnan(new), torch.zeros_like(new), target_anchor - anchor)
        age = torch.remainder(age + lengths.unsqueeze(1), self.window).to(torch.float32)
        return torch.cat([ring - shift, new, age], 1)

    def features(
        self,
        values: Tensor,
        times: Tensor,
        tape: Tensor,
        mean: Tensor,
        deviation: Tensor,
        count: Tensor,
        anchor: Tensor,
    ) -> Tensor:
        """What the recurrent part sees at each step, (batch, time, inputs): all causal, all without units."""
        time = values.size(1)
        level, scale = absolute(mean, deviation, count, anchor)  # (batch, time)
        now = tape[:, self.window :]
        parts = [self.normalised(now, mean, scale), torch.isnan(now).to(torch.float32)]
        for lag in self.lags:
            ahead = lagged(tape, lag, time)
            season = tape[:, self.window - lag : self.window - lag + time]
            parts.append(self.normalised(ahead, mean, scale))
            parts.append(self.normalised(now, mean, scale) - self.normalised(season, mean, scale))
            parts.append(torch.isnan(ahead).to(torch.float32))
        variation = torch.log(scale / (level.abs() + scale)).clamp(min=COEFFICIENT_FLOOR)
        parts.append((variation / 4.0).to(torch.float32))
        parts.append((count / self.window).to(torch.float32))
        joined = torch.stack(parts, 2)  # (batch, time, 4 + 3 lags)
        pieces = [joined, self.calendar(times)]
        if self.width > 1:
            covariates = (values[:, :, 1:] - self.covariate_mean) / self.covariate_deviation
            missing = torch.isnan(covariates)
            known = torch.where(missing, torch.zeros_like(covariates), covariates).clamp(-10.0, 10.0)
            pieces.append(known.to(torch.float32))
            pieces.append(missing.to(torch.float32))
        return torch.cat(pieces, 2)

    def normalised(self, residual: Tensor, mean: Tensor, scale: Tensor) -> Tensor:
        """Residuals in deviations of their window, 0 where missing, (batch, time)."""
        scaled = ((residual.to(torch.float64) - mean) / scale).to(torch.float32)
        return torch.where(torch.isnan(residual), torch.zeros_like(scaled), scaled)

    def decode(self, recurrent: Tensor, tail: Tensor) -> Tensor:
        """The forecast from a state alone, float64 (batch, horizon, quantiles), in the series' units."""
        ring = tail[:, : self.window]
        anchor = tail[:, self.window]
        mean, deviation, count = ring_statistics(ring)
        level, scale = absolute(
            mean, deviation, count, torch.where(torch.isnan(anchor), torch.zeros_like(anchor), anchor)
        )
        seen = ring.index_select(1, self.decoder.places).to(torch.float64)
        seen = ((seen - mean.unsqueeze(1)) / scale.unsqueeze(1)).to(torch.float32)  # (batch, places)
        quantiles = self.decoder(self.output(recurrent), seen).to(torch.float64)
        forecast: Tensor = level.unsqueeze(1).unsqueeze(2) + scale.unsqueeze(1).unsqueeze(2) * quantiles
        return forecast
