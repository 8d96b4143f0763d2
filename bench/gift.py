"""Rows of GIFT-Eval (ett1/15T and ett1/H, short horizon) beside published ones.

    GATECAST_DATA=folder python -m bench.gift [--rows ett1/15T ett1/H] [--steps N] [--seeds 0 1 2] [--write]

The default configuration; every column is a series of its own. Windows are the last min(20, ceil(T/10/48)) stretches
of 48 that do not overlap; what lies before the first one may be learned from. The measures are first held against the
published MASE of the seasonal naive.
"""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from bench.quality import data_folder, fitted, forecasts_at, options, record, table
from datasets.frequency import Frequency, parse_time
from models.config import implied_config
from models.evaluation.baselines import seasonal_naive
from models.evaluation.metrics import Metrics, Tally, seasonal_scale
from models.evaluation.panel import Panel, Stretch
from models.training.settings import TrainingSettings

HORIZON, MOST_WINDOWS = 48, 20
VALIDATION = 960  # steps before the first window: as many as the windows take


@dataclass(frozen=True)
class Row:
    """One row of the benchmark: how ETTm1 becomes its data, and what others came to (MASE, weighted quantile loss)."""

    frequency: str
    together: int  # readings that are summed to one
    naive: tuple[str, str]  # the seasonal naive's MASE, and its quantile loss as a point forecast
    published: tuple[tuple[str, str, str], ...]


ROWS = {
    "ett1/15T": Row(
        "15min",
        1,
        ("0.934", "0.2825"),
        (
            ("seasonal naive", ".934", ".241"),
            ("AutoARIMA", ".934", ".241"),
            ("DeepAR", "1.440", ".320"),
            ("PatchTST", ".835", ".191"),
            ("N-BEATS", ".870", ".254"),
            ("Chronos-Bolt base (200 M parameters)", ".680", ".158"),
            ("TiRex (35 M)", ".709", ".161"),
        ),
    ),
    "ett1/H": Row(
        "1h",
        4,
        ("0.977", "0.2717"),
        (
            ("seasonal naive", ".977", ".240"),
            ("AutoARIMA", ".995", ".223"),
            ("DeepAR", "1.060", ".233"),
            ("PatchTST", ".893", ".190"),
            ("N-BEATS", ".930", ".249"),
            ("Chronos-Bolt base (200 M parameters)", ".828", ".181"),
            ("TiRex (35 M)", ".817", ".176"),
        ),
    ),
}


def read(folder: Path, row: Row) -> Panel:
    """The seven columns of ETTm1, summed where the row says so."""
    with (folder / "ETTm1.csv").open(newline="") as file:
        lines = list(csv.reader(file))
    values = np.array([line[1:] for line in lines[1:]], dtype=np.float64)  # (time, columns)
    length = len(values) // row.together
    values = values[: length * row.together].reshape(length, row.together, -1).sum(1)
    times = Frequency.parse(row.frequency).times(parse_time(lines[1][0], None), np.arange(length, dtype=np.int64))
    first = length - windows(length) * HORIZON
    columns = values.shape[1]
    stretches = tuple(Stretch(values[:, column : column + 1].copy(), times) for column in range(columns))
    return Panel(stretches, (first - VALIDATION,) * columns, (first,) * columns)


def windows(length: int) -> int:
    return min(MOST_WINDOWS, math.ceil(length / 10 / HORIZON))


def score(panel: Panel, forecasts: list[NDArray[np.float64]], levels: tuple[float, ...], season: int) -> Metrics:
    """Measures over all windows of all series; each window is scaled by all that came before it."""
    tally = Tally(levels)
    for series, (stretch, at) in enumerate(zip(panel.series, origins(panel), strict=True)):
        values = stretch.values[:, 0]
        for window, origin in enumerate(at):
            target = values[None, origin + 1 : origin + 1 + HORIZON]
            scale = seasonal_scale(values[: origin + 1], season)
            tally.add((series, window), target, forecasts[series][window : window + 1], scale)
    return tally.metrics()


def origins(panel: Panel) -> list[NDArray[np.int64]]:
    """The places of the last reading before each window, for each series."""
    return [
        np.arange(end - 1, len(stretch) - HORIZON, HORIZON)
        for stretch, end in zip(panel.series, panel.validation_end, strict=True)
    ]


def check(name: str, panel: Panel, season: int) -> None:
    """The seasonal naive must come out as published, or nothing else here can be believed."""
    naive = [
        seasonal_naive(stretch.values[:, 0], at, HORIZON, season)[:, :, None]
        for stretch, at in zip(panel.series, origins(panel), strict=True)
    ]
    metrics = score(panel, naive, (0.5,), season)
    found = (f"{metrics.mase:.3f}", f"{metrics.weighted_quantile_loss:.4f}")
    if found != ROWS[name].naive:
        raise AssertionError(f"the seasonal naive of {name} came to {found}; expected {ROWS[name].naive}")
    print(f"{name}: the seasonal naive is reproduced: MASE {found[0]}, as a point forecast wQL {found[1]}.")


def main() -> None:
    parser = options(__doc__)
    parser.add_argument("--rows", nargs="+", default=list(ROWS), choices=list(ROWS))
    chosen = parser.parse_args()
    torch.set_num_threads(chosen.threads)
    for name in chosen.rows:
        panel = read(data_folder("ett"), ROWS[name])
        frequency = Frequency.parse(ROWS[name].frequency)
        season = frequency.seasons()[0]
        check(name, panel, season)
        span = float(panel.series[0].times[-1] - panel.series[0].times[0])
        config = implied_config(frequency, HORIZON, span)
        rows = []
        for seed in chosen.seeds:
            settings = replace(TrainingSettings(), steps=chosen.steps, seed=seed)
            model, seconds, _ = fitted(panel, config, settings)
            metrics = score(panel, forecasts_at(model, list(panel.series), origins(panel)), config.quantiles, season)
            ours = f"**Gatecast**, seed {seed}, {chosen.steps} steps, {seconds:.0f} s"
            covers = f"{100 * (metrics.coverage_80 or 0):.1f} %"
            rows.append([ours, f"{metrics.mase:.3f}", f"{metrics.weighted_quantile_loss:.4f}", covers])
        published = [[*other, "–"] for other in ROWS[name].published]
        record(f"GIFT-Eval {name}", table([name, "MASE", "wQL", "80 % band covers"], rows + published), chosen.write)


if __name__ == "__main__":
    main()
