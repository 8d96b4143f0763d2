"""M4 Hourly: 414 series, horizon 48, one origin, beside the competition's results.

    GATECAST_DATA=folder python -m bench.m4_hourly [--steps N] [--seeds 0 1 2] [--write]

The default configuration; the series carry no times, so there is no calendar. The measures are first held against the
published figures of the seasonal naive.
"""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from bench.quality import data_folder, fitted, forecasts_at, options, record, table
from datasets.frequency import Frequency
from models.config import implied_config
from models.evaluation.baselines import seasonal_naive
from models.evaluation.metrics import Metrics, Tally, relative, seasonal_scale
from models.evaluation.panel import Panel, Stretch
from models.training.settings import TrainingSettings

HORIZON, SEASON = 48, 24
NAIVE2 = Metrics(2.395, 18.383, None, None, None, 0, 0)
# name, sMAPE, MASE, OWA, MSIS; from the competition's own workbook
PUBLISHED = [
    ["Doornik (best hourly of the competition)", "8.913", "0.801", "0.410", "6.14"],
    ["ES-RNN (winner over all)", "9.328", "0.893", "0.440", "7.93"],
    ["seasonal naive (24)", "13.912", "1.193", "0.627", "–"],
    ["the competition's RNN benchmark", "14.698", "3.048", "1.036", "–"],
    ["Theta", "18.138", "2.455", "1.006", "–"],
]


def read(folder: Path) -> Panel:
    """Histories with the 48 held-out readings behind each; validation is the last horizon of the history."""
    history, future = (_rows(folder / name) for name in ("Hourly-train.csv", "Hourly-test.csv"))
    stretches = []
    for name, readings in history.items():
        values = np.concatenate([readings, future[name]])
        stretches.append(Stretch(values[:, None], 3_600 * np.arange(len(values), dtype=np.int64)))
    ends = tuple(len(stretch) - HORIZON for stretch in stretches)
    return Panel(tuple(stretches), tuple(end - HORIZON for end in ends), ends)


def _rows(file: Path) -> dict[str, NDArray[np.float64]]:
    with file.open(newline="") as lines:
        rows = csv.reader(lines)
        next(rows)
        return {row[0]: np.array([float(cell) for cell in row[1:] if cell]) for row in rows}


def score(panel: Panel, forecasts: list[NDArray[np.float64]], levels: tuple[float, ...]) -> Metrics:
    """The competition's measures of one forecast a series, (1, horizon, levels) each."""
    tally = Tally(levels)
    for index, (stretch, end) in enumerate(zip(panel.series, panel.validation_end, strict=True)):
        values = stretch.values[:, 0]
        tally.add(index, values[end:][None], forecasts[index], seasonal_scale(values[:end], SEASON))
    return tally.metrics()


def check(panel: Panel) -> None:
    """The seasonal naive must come out as published, or nothing else here can be believed."""
    naive = [
        seasonal_naive(stretch.values[:, 0], np.array([end - 1]), HORIZON, SEASON)[:, :, None]
        for stretch, end in zip(panel.series, panel.validation_end, strict=True)
    ]
    metrics = score(panel, naive, (0.5,))
    found = (f"{metrics.smape:.3f}", f"{metrics.mase:.3f}")
    if found != ("13.912", "1.193"):
        raise AssertionError(f"the seasonal naive came to sMAPE, MASE {found}; published 13.912, 1.193")
    print("The seasonal naive is reproduced: sMAPE 13.912, MASE 1.193.")


def main() -> None:
    chosen = options(__doc__).parse_args()
    torch.set_num_threads(chosen.threads)
    panel = read(data_folder("m4_hourly"))
    check(panel)
    config = implied_config(Frequency.parse("1h"), HORIZON, 0.0, calendar=())
    rows = []
    for seed in chosen.seeds:
        settings = replace(TrainingSettings(), steps=chosen.steps, seed=seed)
        model, seconds, _ = fitted(panel, config, settings)
        origins = [np.array([end - 1]) for end in panel.validation_end]
        metrics = score(panel, forecasts_at(model, list(panel.series), origins), config.quantiles)
        rows.append(
            [
                f"**Gatecast**, seed {seed}, {chosen.steps} steps, {seconds:.0f} s",
                f"{metrics.smape:.3f}",
                f"{metrics.mase:.3f}",
                f"{relative(metrics, NAIVE2):.3f}",
                f"{metrics.msis_95:.2f}",
                f"{metrics.weighted_quantile_loss:.4f}",
                f"{100 * (metrics.coverage_80 or 0):.1f} %",
            ]
        )
    headings = ["M4 Hourly", "sMAPE", "MASE", "OWA", "MSIS 95 %", "wQL", "80 % band covers"]
    published = [[*row, "–", "–"] for row in PUBLISHED]
    record("M4 Hourly", table(headings, rows + published), chosen.write)


if __name__ == "__main__":
    main()
