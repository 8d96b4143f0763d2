"""The bundled taxi data as `gatecast train nyc_taxi --horizon 48` splits it, and a forecaster trained on it."""

from __future__ import annotations

from dataclasses import replace

from bench.quality import fitted
from datasets.bundled import bundled
from datasets.reader import read_table
from datasets.split import split
from models.config import implied_config
from models.evaluation.panel import Panel
from models.forecaster import Forecaster
from models.training.settings import TrainingSettings

HORIZON = 48
SEASON = 336  # a week of half hours


def panel(steps: int | None = None) -> Panel:
    """One series of 10,320 half hours, or the first so many of them, its last tenth held out."""
    table = read_table(bundled("nyc_taxi"))
    (series,) = table.series
    table = replace(table, series=(replace(series, values=series.values[:steps]),))
    return Panel.of(table, split(table, HORIZON))


def trained(data: Panel, steps: int, seed: int) -> Forecaster:
    """The default configuration and settings."""
    table = read_table(bundled("nyc_taxi"))
    config = implied_config(table.frequency, HORIZON, None)
    model, seconds, _ = fitted(data, config, replace(TrainingSettings(), steps=steps, seed=seed))
    print(f"taxi, seed {seed}: trained in {seconds:.0f} s")
    return model
