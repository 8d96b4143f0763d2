"""The forecaster's one signature and its flat state: what every architecture promises, however it is built."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from models.config import ForecasterConfig
from models.transform import STRAIGHT, Transform


class CannotStream(ValueError):
    """A step was asked of a model that reads whole histories (`streams` is False); the message says what to do."""


class Slice(NamedTuple):
    """Numbers `start` to `stop` of a row, by name."""

    name: str
    start: int
    stop: int


def slices_of(parts: list[tuple[str, int]]) -> list[Slice]:
    """Parts (name, size) laid out one after the other."""
    found, start = [], 0
    for name, size in parts:
        found.append(Slice(name, start, start + size))
        start += size
    return found


class Fork(NamedTuple):
    """Forecasts decoded at many steps at once: forecast = level + scale * quantiles, under the curve of `transform`.

    `steps` says which step of its row each decoded one is; None: every step, in order.
    """

    quantiles: Tensor  # (batch, decoded, horizon, quantiles) float32, in deviations of the window
    level: Tensor  # (batch, decoded) float64
    scale: Tensor  # (batch, decoded) float64
    seen: Tensor  # (batch, decoded) float64: readings that the window has seen
    state: Tensor  # (batch, state)
    steps: Tensor | None = None  # (batch, decoded) int64
    features: Tensor | None = None  # (batch, time, inputs) float32: what the recurrent part was given
    transform: Transform = STRAIGHT


class Forecaster(nn.Module, ABC):
    """A forecaster whose whole memory of a series is one flat float32 row.

    `values` are float64 (batch, time, width), the target first and then the covariates, NaN where missing; `times`
    int64 (batch, time), seconds of the series' own clock or counts. `future` are the covariates known ahead
    for the steps after the last one, float64 (batch, horizon, known), and `static` the features of each series, float64
    (batch, static): NaN, or None for all, where unknown. A model that uses none has no such input in its graphs.
    """

    def __init__(self, config: ForecasterConfig) -> None:
        super().__init__()
        self.config = config
        self.transform = Transform.of(config)
        self.window = config.window
        self.width = config.width

    @property
    @abstractmethod
    def layout(self) -> list[Slice]:
        """The slices of a state row, in order, without holes."""

    @property
    @abstractmethod
    def gate_layout(self) -> list[Slice]:
        """The slices of the gates that `step` returns, named layer.gate: `1.r`, `1.z`, …"""

    @property
    def streams(self) -> bool:
        """Whether a state can be advanced by `step` and histories be cut into chunks."""
        return True

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next(self.parameters()).device

    @property
    def state_size(self) -> int:
        """Numbers in a state row."""
        return self.layout[-1].stop

    @property
    def gate_count(self) -> int:
        """Numbers in a row of gates."""
        return self.gate_layout[-1].stop if self.gate_layout else 0

    @property
    def longest_history(self) -> int | None:
        """The most steps that a sequence may have; None: no bound."""
        return None

    @abstractmethod
    def initial(self) -> Tensor:
        """The row of a session that has no reading yet, (state,): nothing seen, no anchor."""

    @abstractmethod
    def primed(self, before: Tensor) -> Tensor:
        """Rows that know `before`, float64 (batch, window, width), as past values but have no recurrent memory yet."""

    @abstractmethod
    def set_covariate_statistics(self, mean: Tensor, deviation: Tensor) -> None:
        """Mean and deviation of the training data's covariates, then of its static features: float64, one each."""

    @abstractmethod
    def sequence(
        self,
        values: Tensor,
        times: Tensor,
        lengths: Tensor,
        state: Tensor,
        future: Tensor | None = None,
        static: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Forecasts after each row's last step, float64 (batch, horizon, quantiles), and states there.

        lengths int64 (batch,), where 0 leaves the state as it is and forecasts from it; state float32 (batch, state).
        """

    @abstractmethod
    def step(
        self,
        values: Tensor,
        times: Tensor,
        state: Tensor,
        future: Tensor | None = None,
        static: Tensor | None = None,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """One reading a row: values float64 (batch, width), times int64 (batch,), state float32 (batch, state).

        Returns forecasts float64 (batch, horizon, quantiles), the new states, and the gates (batch, gates) in the order
        of `gate_layout`. Nothing here loops over time. CannotStream from a model that reads whole histories.
        """

    @abstractmethod
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
        """What `sequence` would forecast after each step of `origins`, for training and backtests; lengths from 1 on.

        `ahead` are the known covariates from the second step on, float64 (batch, time + horizon - 1, known). Without
        origins (None) each row's own last step is the one origin, as it always is for a model that does not stream.
        """

    @abstractmethod
    def bodies(self) -> list[Any]:
        """The recurrent forecasters that this one is made of: itself, or its members."""

    def forks(
        self,
        values: Tensor,
        times: Tensor,
        lengths: Tensor,
        state: Tensor,
        ahead: Tensor | None = None,
        static: Tensor | None = None,
        origins: slice | None = slice(None),
    ) -> list[Fork]:
        """The forks that are trained, each for itself: one, or one for each member of an ensemble."""
        return [self.fork(values, times, lengths, state, ahead, static, origins)]


def counting(like: Tensor) -> Tensor:
    """0, 1, 2, … along the second dimension of (batch, time), int64; a traced graph keeps no device in it."""
    return torch.ones_like(like, dtype=torch.int64).cumsum(1) - 1
