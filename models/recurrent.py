"""All that stands between a reading and a forecast, around the recurrent part that an architecture fills in."""

from __future__ import annotations

from abc import abstractmethod
from typing import NamedTuple

import torch
from torch import Tensor

from models.config import ForecasterConfig
from models.decoder import Decoder
from models.features import Features
from models.forecaster import Forecaster, Fork, Slice, counting, slices_of
from models.memory import Memory, Ring, Tape
from models.missing import interpolated
from models.moment import MOMENT, before_any, read, written
from models.scaling import Statistics


class Seen(NamedTuple):
    """Rows of readings as the model sees them."""

    features: Tensor  # (batch, time, inputs)
    tape: Tape
    tail: Tensor  # (batch, memory): the memory after each row's last step
    statistics: Statistics  # of each step's window


class RecurrentForecaster(Forecaster):
    """A row holds the recurrent state, named by its architecture, and then the memory of past values; of a model that
    knows holidays, the moment of the last reading too.

    An architecture gives the parts of its state and fills in the four `recur` methods. What is decoded is a function of
    the state alone, so that a forecast can be asked for at any time.
    """

    def __init__(self, config: ForecasterConfig, output: int) -> None:
        super().__init__(config)
        self.interpolates = config.missing == "linear"
        self.memory = Memory(config.window, config.missing == "forward")
        self.dated = config.holidays is not None
        self.features = Features(config)
        self.decoder = Decoder(config, output)

    def bodies(self) -> list[RecurrentForecaster]:
        return [self]

    @property
    def recurrent(self) -> int:
        """Numbers of the recurrent state, which a row begins with."""
        return sum(size for _, size in self.recurrent_parts)

    @property
    def layout(self) -> list[Slice]:
        return slices_of([*self.recurrent_parts, *self.memory.parts, *([MOMENT] if self.dated else [])])

    @property
    def gate_layout(self) -> list[Slice]:
        return slices_of(self.gate_parts)

    def rest(self) -> Tensor:
        """The recurrent state before any reading, (recurrent,): zeros, unless an architecture knows better."""
        return self.memory.places.new_zeros(self.recurrent, dtype=torch.float32)

    def initial(self) -> Tensor:
        dated = [before_any(self.memory.places)] if self.dated else []
        return torch.cat([self.rest(), self.memory.initial(), *dated])

    def primed(self, before: Tensor) -> Tensor:
        tail = self.memory.primed(self.transform.apply(before[:, :, 0]))
        dated = [before_any(self.memory.places).unsqueeze(0).expand(len(before), -1)] if self.dated else []
        return torch.cat([self.rest().unsqueeze(0).expand(len(before), -1), tail, *dated], 1)

    def set_covariate_statistics(self, mean: Tensor, deviation: Tensor) -> None:
        features, count = self.features, self.features.covariates
        features.covariate_mean.copy_(mean[:count])
        features.static_mean.copy_(mean[count:])
        deviation = torch.where(deviation > 0, deviation, torch.ones_like(deviation))
        features.covariate_deviation.copy_(deviation[:count])
        features.static_deviation.copy_(deviation[count:])

    # -- the signature ------------------------------------------------------------------------------------------

    def sequence(
        self,
        values: Tensor,
        times: Tensor,
        lengths: Tensor,
        state: Tensor,
        future: Tensor | None = None,
        static: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        seen = self._seen(values, times, lengths, state, static)
        recurrent = self.recur(seen.features, lengths, state[:, : self.recurrent])
        return self.decode(recurrent, seen.tail, future), torch.cat([recurrent, seen.tail], 1)

    def step(
        self,
        values: Tensor,
        times: Tensor,
        state: Tensor,
        future: Tensor | None = None,
        static: Tensor | None = None,
    ) -> tuple[Tensor, Tensor, Tensor]:
        past, _ = self._parted(state[:, self.recurrent :])
        ring, tail = self.memory.step(self.transform.apply(values[:, :1]), past)
        statistics = self.features.scaling.of_ring(ring, self.memory.places + 1)
        residuals, given = self.features.of_ring(ring), self._static(static, values)
        features = self.features(values.unsqueeze(1), times.unsqueeze(1), residuals, statistics, given)
        recurrent, gates = self.recur_step(features.squeeze(1), state[:, : self.recurrent])
        quantiles = self.decoded(recurrent, self.memory.after(ring), statistics, future, times)
        tail = torch.cat([tail, written(times)], 1) if self.dated else tail
        return self._in_units(quantiles, statistics), torch.cat([recurrent, tail], 1), gates

    def fork(
        self,
        values: Tensor,
        times: Tensor,
        lengths: Tensor,
        state: Tensor,
        ahead: Tensor | None = None,
        static: Tensor | None = None,
        origins: slice | None = slice(None),
    ) -> Fork:
        seen = self._seen(values, times, lengths, state, static)
        outputs, recurrent = self.recur_ragged(seen.features, lengths, state[:, : self.recurrent])
        if origins is None:
            return self._at_end(seen, lengths, recurrent, ahead)
        count, mean, level, scale = (each[:, origins] for each in seen.statistics)  # from here on (batch, origins, …)
        known = self.decoder.seen_along(seen.tape, self.window, origins)
        known = ((known - mean.unsqueeze(2)) / scale.unsqueeze(2)).to(torch.float32)  # (batch, origins, looked at)
        lifted = None
        if self.config.ahead:
            given = self._ahead(ahead, times[:, 0], values, values.size(1) + self.config.horizon - 1)
            lifted = self.decoder.lifted(given).unfold(1, self.config.horizon, 1)[:, origins]
        quantiles = self.decoder(outputs[:, origins], known, lifted)
        state = torch.cat([recurrent, seen.tail], 1)
        steps = counting(times)[:, origins]
        return Fork(quantiles, level, scale, count, state, steps, seen.features, self.transform)

    # -- an architecture's part ---------------------------------------------------------------------------------

    @property
    @abstractmethod
    def recurrent_parts(self) -> list[tuple[str, int]]:
        """Name and size of each slice of the recurrent state."""

    @property
    @abstractmethod
    def gate_parts(self) -> list[tuple[str, int]]:
        """Name and size of each slice of the gates."""

    @abstractmethod
    def recur(self, features: Tensor, lengths: Tensor, recurrent: Tensor) -> Tensor:
        """The recurrent state after each row's last step: features (batch, time, inputs) -> (batch, recurrent).

        A length of 0 leaves a row's state as it is. Traced: no tensor here is made from a Python size or device.
        """

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

    def decode(self, recurrent: Tensor, tail: Tensor, future: Tensor | None = None) -> Tensor:
        """The forecast from a state alone, float64 (batch, horizon, quantiles), in the series' units."""
        past, last = self._parted(tail)
        ring = self.memory.now(past)
        statistics = self.features.scaling.of_ring(ring, self.memory.places)
        return self._in_units(self.decoded(recurrent, ring, statistics, future, last), statistics)

    def decoded(
        self, recurrent: Tensor, ring: Ring, statistics: Statistics, future: Tensor | None, last: Tensor | None
    ) -> Tensor:
        """The same in scales of the window, float32; `last` (batch,) is the time of the last reading."""
        seen = ((self.decoder.seen(ring) - statistics.mean) / statistics.scale).to(torch.float32)
        lifted = None
        if self.config.ahead:
            known = self._ahead(future, last, recurrent, self.config.horizon)  # (batch, horizon, ahead)
            lifted = self.decoder.lifted(known).transpose(1, 2)  # (batch, rank, horizon)
        quantiles: Tensor = self.decoder(self.output(recurrent), seen, lifted)
        return quantiles

    def _at_end(self, seen: Seen, lengths: Tensor, recurrent: Tensor, ahead: Tensor | None) -> Fork:
        """The fork at each row's last step, which `recurrent` is the state after."""
        steps = (lengths - 1).unsqueeze(1)  # (batch, 1)
        future = None
        if ahead is not None:
            places = steps + torch.arange(self.config.horizon, device=steps.device)
            future = ahead.gather(1, places.unsqueeze(2).expand(-1, -1, ahead.size(2)))
        past, last = self._parted(seen.tail)
        ring = self.memory.now(past)
        count, _, level, scale = statistics = self.features.scaling.of_ring(ring, self.memory.places)
        quantiles = self.decoded(recurrent, ring, statistics, future, last)
        state = torch.cat([recurrent, seen.tail], 1)
        return Fork(quantiles.unsqueeze(1), level, scale, count, state, steps, seen.features, self.transform)

    def _in_units(self, quantiles: Tensor, statistics: Statistics) -> Tensor:
        level, scale = statistics.level.unsqueeze(2), statistics.scale.unsqueeze(2)
        return self.transform.undo(level + scale * quantiles.to(torch.float64))

    def _seen(self, values: Tensor, times: Tensor, lengths: Tensor, state: Tensor, static: Tensor | None) -> Seen:
        target = self.transform.apply(values[:, :, 0])
        if self.interpolates:
            target = interpolated(target, lengths)
        past, last = self._parted(state[:, self.recurrent :])
        tape, tail = self.memory.tape(target, lengths, past)
        if last is not None:
            end = times.gather(1, (lengths - 1).clamp(min=0).unsqueeze(1)).squeeze(1)
            tail = torch.cat([tail, written(torch.where(lengths > 0, end, last))], 1)
        statistics = self.features.scaling.of_tape(tape, self.window)
        residuals = self.features.of_tape(tape, values.size(1))
        features = self.features(values, times, residuals, statistics, self._static(static, values))
        return Seen(features, tape, tail, statistics)

    def _parted(self, tail: Tensor) -> tuple[Tensor, Tensor | None]:
        """The memory of past values, and the time of the last reading (batch,) where it is kept."""
        if not self.dated:
            return tail, None
        return tail[:, : -MOMENT[1]], read(tail[:, -MOMENT[1] :])

    def _static(self, static: Tensor | None, values: Tensor) -> Tensor | None:
        if static is None and self.config.static:
            return values.new_full((len(values), len(self.config.static)), float("nan"))
        return static

    def _ahead(self, ahead: Tensor | None, last: Tensor | None, like: Tensor, count: int) -> Tensor:
        """What the decoder is told of the `count` steps after the time `last` (batch,), (batch, count, ahead)."""
        if ahead is None and self.config.future:
            shape = (len(like), count, len(self.config.future))
            ahead = like.new_full(shape, float("nan"), dtype=torch.float64)
        holidays, times = self.features.holidays, None
        if holidays is not None:
            assert last is not None
            times = last.unsqueeze(1) + holidays.after(count)
        return self.features.ahead(ahead, times)
