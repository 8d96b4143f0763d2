"""Ragged crops of the training part: where each starts, how long it is, and whether it knows what came before."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.config import ForecasterConfig
from models.evaluation.metrics import seasonal_scale
from models.evaluation.panel import Panel, Stretch, known_of, rows_of
from models.evaluation.rolling import tensor_or_none, window_before
from models.training.settings import TrainingSettings


class Crops(NamedTuple):
    """One batch: ragged rows, sorted from the longest to the shortest."""

    before: Tensor  # (batch, window, width) float64, NaN where nothing is known
    values: Tensor  # (batch, time, width) float64
    times: Tensor  # (batch, time) int64
    lengths: Tensor  # (batch,) int64
    future: Tensor  # (batch, time + horizon - 1) float64: the target one step on; NaN beyond the training end
    unit: Tensor  # (batch,) float64: how large an error of 1 is in each series
    ahead: Tensor | None = None  # (batch, time + horizon - 1, known) float64: covariates known ahead
    static: Tensor | None = None  # (batch, static) float64: features of the series


@dataclass(frozen=True)
class Sampler:
    """Draws crops from the training part alone. Batch `step` depends on the seed and the step and on nothing else.

    So a run that goes on after a stop draws what it would have drawn.
    """

    panel: Panel
    settings: TrainingSettings
    config: ForecasterConfig
    units: NDArray[np.float64]
    shares: NDArray[np.float64]  # of the crops, by series: as many as it has readings

    @classmethod
    def of(cls, panel: Panel, settings: TrainingSettings, config: ForecasterConfig, season: int) -> Sampler:
        """`season`, in steps, is that of the unit in which errors of a series are weighed."""
        ends = np.array(panel.train_end, dtype=np.float64)
        return cls(panel, settings, config, units_of(panel, season), ends / ends.sum())

    def crops(self, step: int) -> Crops:
        """The batch of a step, counted from 0."""
        random = np.random.default_rng([self.settings.seed, step])
        chosen = random.choice(len(self.shares), size=self.settings.batch, p=self.shares)
        lengths = self._lengths(random)
        parts: list[tuple[Stretch, int, int]] = []
        for series, length in zip(chosen.tolist(), lengths.tolist(), strict=True):
            last = self.panel.train_end[series] - 1  # the last origin has one target at least
            length = min(length, last)
            start = int(random.integers(-(length // 2), last - length + length // 2 + 1))
            start = min(max(start, 0), last - length)  # both ends come as often as the middle
            parts.append((self.panel.series[series], start, start + length))
        primed = random.random(len(parts)) < self.settings.primed
        order = sorted(range(len(parts)), key=lambda row: parts[row][1] - parts[row][2])
        rows = [(parts[row], int(chosen[row]), bool(primed[row])) for row in order]
        return self._gathered(rows)

    def _lengths(self, random: np.random.Generator) -> NDArray[np.int64]:
        """Ragged, but of one class within a batch, so that little is spent on padding."""
        longest = int(random.integers(self.settings.shortest, self.settings.longest + 1))
        lengths = random.integers(max(1, longest * 3 // 4), longest + 1, size=self.settings.batch)
        return lengths.astype(np.int64)

    def _gathered(self, rows: list[tuple[tuple[Stretch, int, int], int, bool]]) -> Crops:
        parts = [part for part, _, _ in rows]
        values, times, lengths = rows_of(parts)
        window, horizon = self.config.window, self.config.horizon
        before = np.full((len(rows), window, values.shape[2]), np.nan)
        future = np.full((len(rows), values.shape[1] + horizon - 1), np.nan)
        for row, ((stretch, start, end), series, primed) in enumerate(rows):
            if primed:
                before[row] = window_before(stretch, start, window)
            known = min(self.panel.train_end[series], end + horizon)
            future[row, : known - start - 1] = stretch.values[start + 1 : known, 0]
        return Crops(
            torch.from_numpy(before),
            torch.from_numpy(values),
            torch.from_numpy(times),
            torch.from_numpy(lengths),
            torch.from_numpy(future),
            torch.from_numpy(self.units[[series for _, series, _ in rows]]),
            *map(tensor_or_none, known_of(parts, self.config)),
        )


def units_of(panel: Panel, season: int) -> NDArray[np.float64]:
    """For each series the seasonal scale of its training part; 1 where it never changes."""
    units = [
        seasonal_scale(stretch.values[:end, 0], season)
        for stretch, end in zip(panel.series, panel.train_end, strict=True)
    ]
    return np.array([unit if np.isfinite(unit) and unit > 0 else 1.0 for unit in units])
