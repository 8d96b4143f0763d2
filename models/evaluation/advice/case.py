"""An evaluation as advice sees it: its figures, its settings, its readings, and the commands that made it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from models.config import ForecasterConfig
from models.evaluation.advice.again import Again
from models.evaluation.advice.season import season_in
from models.evaluation.folds import FoldSettings
from models.evaluation.forecasts import Forecasts
from models.evaluation.panel import Stretch
from models.training.settings import TrainingSettings

Entry = dict[str, Any]  # of metrics.json: figures of ours, of the seasonal naives and of the simple baselines


@dataclass(frozen=True)
class Readings:
    """What the readings and the forecasts of the target are like."""

    missing: float  # share
    non_negative: bool
    whole: bool  # whole numbers alone
    typical: float  # the median size of a reading
    longest: int  # steps of the longest series
    below_zero: float = 0.0  # share of the forecasts whose lowest quantile is negative
    season: int | None = None  # that the longest series shows

    @classmethod
    def of(cls, stretches: Iterable[Stretch], forecasts: Iterable[Forecasts]) -> Readings:
        """The forecasts one fold after the other; they need not be in memory together."""
        series = [stretch.values[:, 0] for stretch in stretches]
        values = np.concatenate(series)
        known = values[~np.isnan(values)]
        below = total = 0
        for each in forecasts:
            lowest = each.lowest
            below, total = below + int((lowest < 0).sum()), total + lowest.size
        return cls(
            missing=1 - known.size / max(1, values.size),
            non_negative=bool((known >= 0).all()) and known.size > 0,
            whole=bool((known == np.round(known)).all()) and known.size > 0,
            typical=float(np.median(np.abs(known))) if known.size else 0.0,
            longest=max(map(len, series)),
            below_zero=below / max(1, total),
            season=season_in(max(series, key=len)),
        )


@dataclass(frozen=True)
class Case:
    """`metrics` is what metrics.json holds."""

    metrics: dict[str, Any]
    config: ForecasterConfig
    folds: FoldSettings
    training: TrainingSettings
    readings: Readings
    again: Again
    words: Callable[[str], str] = str  # of a baseline's key, as `baselines` has it

    @property
    def overall(self) -> dict[str, Any]:
        """Our own figures over all folds."""
        return dict(self.metrics["overall"]["gatecast"])

    @property
    def trainings(self) -> list[dict[str, Any]]:
        """How the trainings of the folds went; none where weights were there."""
        return [entry["training"] for entry in self.metrics["by_fold"] if entry["training"]]


def ours(entry: Entry) -> float | None:
    """Our MASE."""
    error: float | None = entry["gatecast"]["mase"]
    return error


def naives(entry: Entry) -> dict[int, float]:
    """The MASE of the seasonal naives that have one, by season."""
    found = {int(lag): figures["mase"] for lag, figures in entry["seasonal_naive"].items()}
    return {lag: error for lag, error in found.items() if error is not None}


def baselines(entry: Entry) -> dict[str, float]:
    """The MASE of all baselines that have one: `naive_24`, `drift`, …"""
    found = {f"naive_{lag}": error for lag, error in naives(entry).items()}
    simple = {name: figures["mase"] for name, figures in entry["baselines"].items()}
    return found | {name: error for name, error in simple.items() if error is not None}


def best(errors: dict[str, float]) -> tuple[str, float] | None:
    """The name and the MASE of the smallest one; None where there is none."""
    return min(errors.items(), key=lambda item: item[1]) if errors else None
