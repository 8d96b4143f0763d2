"""Crops of the training part: the rows that a strategy draws, and whether each knows what came before it."""

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
from models.evaluation.rolling import window_before
from models.training.augmentation import jitter, mask, warp_time
from models.training.batching import BATCHINGS, Row, Source
from models.training.settings import TrainingSettings
from models.transform import STRAIGHT, Transform


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

    def to(self, device: torch.device) -> Crops:
        return Crops(*(None if part is None else part.to(device) for part in self))  # type: ignore[arg-type]

    def dealt(self, parts: int) -> list[Crops]:
        """The rows dealt out one by one, so that all parts have rows of about the same lengths, and end with them."""
        behind = self.future.size(1) - self.values.size(1)  # steps that are forecast beyond a row's last but one
        dealt = []
        for first in range(min(parts, len(self.lengths))):
            rows = slice(first, None, parts)
            longest = int(self.lengths[first])
            dealt.append(
                Crops(
                    self.before[rows],
                    self.values[rows, :longest],
                    self.times[rows, :longest],
                    self.lengths[rows],
                    self.future[rows, : longest + behind],
                    self.unit[rows],
                    None if self.ahead is None else self.ahead[rows, : longest + behind],
                    None if self.static is None else self.static[rows],
                )
            )
        return dealt


class Crop(NamedTuple):
    """The steps `start` to `end` of a stretch whose first `known` readings may be seen."""

    stretch: Stretch
    start: int
    end: int
    known: int
    unit: float
    primed: bool


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
        return cls(panel, settings, config, units_of(panel, season, Transform(config.offset or 0.0)), ends / ends.sum())

    def crops(self, step: int) -> Crops:
        """The batch of a step, counted from 0."""
        settings = self.settings
        random = np.random.default_rng([settings.seed, step])
        rows = BATCHINGS[settings.batching](random, settings, Source(self.panel.train_end, self.shares))
        primed = random.random(len(rows)) < settings.primed
        order = sorted(range(len(rows)), key=lambda row: rows[row].start - rows[row].end)
        chosen = [self._crop(rows[row], bool(primed[row])) for row in order]
        # What augments draws last, so that without it a batch is what it would be
        if settings.warp > 0:
            chosen = [self._warped(random, crop) for crop in chosen]
        return self._gathered(random, chosen)

    def _crop(self, row: Row, primed: bool) -> Crop:
        known = self.panel.train_end[row.series]
        return Crop(self.panel.series[row.series], row.start, row.end, known, self.units[row.series], primed)

    def _warped(self, random: np.random.Generator, crop: Crop) -> Crop:
        """The crop on a warped copy of all that it shows."""
        first = max(0, crop.start - self.config.window)
        last = min(crop.known, crop.end + self.config.horizon)
        values = warp_time(random, self.settings.warp, crop.stretch.values[first:last])
        shown = Stretch(values, crop.stretch.times[first:last], crop.stretch.static)
        return crop._replace(stretch=shown, start=crop.start - first, end=crop.end - first, known=last - first)

    def _gathered(self, random: np.random.Generator, crops: list[Crop]) -> Crops:
        parts = [(crop.stretch, crop.start, crop.end) for crop in crops]
        values, times, lengths = rows_of(parts)
        window, horizon = self.config.window, self.config.horizon
        before = np.full((len(crops), window, values.shape[2]), np.nan)
        future = np.full((len(crops), values.shape[1] + horizon - 1), np.nan)
        for row, crop in enumerate(crops):
            if crop.primed:
                before[row] = window_before(crop.stretch, crop.start, window)
            known = min(crop.known, crop.end + horizon)
            future[row, : known - crop.start - 1] = crop.stretch.values[crop.start + 1 : known, 0]
        if self.settings.jitter > 0:
            jitter(random, self.settings.jitter, before, values)
        if self.settings.mask > 0:
            mask(random, self.settings.mask, before, values)
        return Crops(
            torch.from_numpy(before),
            torch.from_numpy(values),
            torch.from_numpy(times),
            torch.from_numpy(lengths),
            torch.from_numpy(future),
            torch.tensor([crop.unit for crop in crops], dtype=torch.float64),
            *(None if each is None else torch.from_numpy(each) for each in known_of(parts, self.config)),
        )


def units_of(panel: Panel, season: int, transform: Transform = STRAIGHT) -> NDArray[np.float64]:
    """For each series the seasonal scale of its training part, or where it has no whole season the scale of its steps;
    1 where it never changes.

    Under a logarithm errors of all series are relative and can be compared: there it is the harmonic mean of the
    series' own scale and that of all, so that half of the loss weighs every series alike and half every error alike.
    """
    parts = [
        transform.apply(torch.from_numpy(stretch.values[:end, 0])).numpy()
        for stretch, end in zip(panel.series, panel.train_end, strict=True)
    ]
    units = np.array([seasonal_scale(part, season) for part in parts])
    steps = np.array([seasonal_scale(part, 1) for part in parts])
    units = np.where(np.isfinite(units), units, steps)
    changes = np.isfinite(units) & (units > 0)
    if transform.offset > 0 and changes.any():
        units = 2 / (1 / np.where(changes, units, 1.0) + 1 / units[changes].mean())
    return np.where(changes, units, 1.0)
