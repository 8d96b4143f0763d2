"""What a session is answered when it is young: bands and errors by the number of readings that it has had.

    python -m bench.short [--steps N] [--seeds 0 1 2] [--write]

A forecaster with the defaults is trained on the bundled taxi data. At the same places of the held-out end sessions are
asked that have begun 1, 2, 3, … readings before, with nothing known, and one that has read all.
"""

from __future__ import annotations

import argparse

import numpy as np
import torch
from numpy.typing import NDArray

from bench import taxi
from bench.machine import taken
from bench.quality import forecasts_at, table
from bench.section import write
from bench.sums import covered, places
from models.evaluation.metrics import seasonal_scale
from models.evaluation.panel import Panel
from models.forecaster import Forecaster
from models.training.settings import TrainingSettings

COMMAND = "python -m bench.short --write"
AFTER = (1, 2, 3, 5, 10, 24, 48, 96, 168, 336)
BETWEEN = 7  # steps between two places: every hour of the day, every day of the week
Array = NDArray[np.float64]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=TrainingSettings().steps)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--write", action="store_true", help="enter the table into bench/RESULTS.md")
    chosen = parser.parse_args()
    torch.set_num_threads(chosen.threads)
    panel = taxi.panel()
    found = [young(taxi.trained(panel, chosen.steps, seed), panel) for seed in chosen.seeds]
    headings = ["readings", "80 % band covers", "95 % band covers", "error (MASE)", "width of the 80 % band"]
    rows = []
    for name in found[0]:
        figures = np.median([each[name] for each in found], axis=0)
        rows.append(
            [name, f"{100 * figures[0]:.1f} %", f"{100 * figures[1]:.1f} %", *(f"{x:.2f}" for x in figures[2:])]
        )
    seeds = "" if len(found) == 1 else f", median of seeds {', '.join(map(str, chosen.seeds))}"
    lines = ["", f"{taken()}, {chosen.steps} steps of training{seeds}", "", *table(headings, rows)]
    print("\n".join(lines))
    if chosen.write:
        write(COMMAND, lines)


def young(model: Forecaster, panel: Panel) -> dict[str, list[float]]:
    """By readings known: what both bands cover, the error and the width in seasonal scales of the training part."""
    (stretch,), (end,) = panel.series, panel.validation_end
    horizon, values = model.config.horizon, stretch.values[:, 0]
    scale = seasonal_scale(values[:end], taxi.SEASON)
    origins = np.arange(end - 1, len(stretch) - horizon, BETWEEN)
    found = {}
    for count in AFTER:
        rows = origins[:, None] + np.arange(1 - count, 1)
        lengths = torch.full((len(origins),), count, dtype=torch.int64)
        with torch.inference_mode():
            state = model.initial().repeat(len(origins), 1)
            readings = torch.from_numpy(values[rows][:, :, None]), torch.from_numpy(stretch.times[rows])
            quantiles, _ = model.sequence(*readings, lengths, state)
        found[f"{count}"] = figures_of(quantiles.numpy(), values, origins, model, scale)
    (known,) = forecasts_at(model, [stretch], [origins])
    found["all before"] = figures_of(known, values, origins, model, scale)
    return found


def figures_of(
    quantiles: Array, values: Array, origins: NDArray[np.int64], model: Forecaster, scale: float
) -> list[float]:
    """Shares covered, error and width of forecasts (origins, horizon, levels) from the places of the last reading."""
    levels = model.config.quantiles
    targets = values[origins[:, None] + np.arange(1, model.config.horizon + 1)]
    narrow, wide = places(levels)
    error = np.nanmean(np.abs(targets - quantiles[:, :, levels.index(0.5)])) / scale
    width = (quantiles[:, :, narrow[1]] - quantiles[:, :, narrow[0]]).mean() / scale
    return [*(covered(quantiles[:, :, band], targets) for band in (narrow, wide)), float(error), float(width)]


if __name__ == "__main__":
    main()
