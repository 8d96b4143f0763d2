"""How often the band of a sum over a horizon covers what happened: by the joint courses, by adding, by independence.

    [GATECAST_DATA=folder] python -m bench.sums [--steps N] [--seeds 0 1 2] [--write]

A forecaster with the defaults is trained on the bundled taxi data (and on M4 Hourly and GIFT-Eval's ett1/H, where they
are), how steps go together is estimated on its validation part as `gatecast train` does, and sums over the first steps
of forecasts of the held-out end are held against what happened. Also what a sum costs.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

from bench import gift, m4_hourly, taxi
from bench.machine import taken
from bench.quality import data_folder, fitted, forecasts_at, table
from bench.section import write
from datasets.frequency import Frequency
from models.config import implied_config
from models.evaluation.panel import Panel
from models.forecaster import Forecaster
from models.training.dependence import dependence_of
from models.training.settings import TrainingSettings
from service.runtimes.fake import fake_bundle
from service.sums import Sums

COMMAND = "python -m bench.sums --write"
HORIZON = 48
CALM = "taxi to October"  # before the holidays and storms that the rest of it holds
CALM_STEPS = 123 * 48
OVER = (6, 24, 48)
BANDS = ((0.1, 0.9), (0.025, 0.975))
Array = NDArray[np.float64]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=TrainingSettings().steps)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--sets", nargs="+", default=["taxi", CALM, *(["M4 Hourly", "ett1/H"] if _has_data() else [])])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--write", action="store_true", help="enter the tables into bench/RESULTS.md")
    chosen = parser.parse_args()
    torch.set_num_threads(chosen.threads)
    rows = []
    for name in chosen.sets:
        for seed in chosen.seeds:
            rows += measured(name, chosen.steps, seed)
    headings = ["held out", "over", "each step: 80 %, 95 %", "joint (ours)", "quantiles added", "independent steps"]
    lines = ["", f"{taken()}, {chosen.steps} steps of training", "", *table(headings, rows), "", *cost()]
    print("\n".join(lines))
    if chosen.write:
        write(COMMAND, lines)


def measured(name: str, steps: int, seed: int) -> list[list[str]]:
    """Trains on one set; a row for each number of steps summed over: what the 80 and 95 % bands cover."""
    panel, season, origins = data(name)
    if name in ("taxi", CALM):
        model = taxi.trained(panel, steps, seed)
    else:
        config = implied_config(Frequency.parse("1h"), HORIZON, 0.0, calendar=() if name == "M4 Hourly" else None)
        model, _, _ = fitted(panel, config, replace(TrainingSettings(), steps=steps, seed=seed))
    forecasts = np.concatenate(forecasts_at(model, list(panel.series), origins))
    ahead = np.arange(1, HORIZON + 1)
    series = zip(panel.series, origins, strict=True)
    targets = np.concatenate([stretch.values[at[:, None] + ahead, 0] for stretch, at in series])
    return rows_of(f"{name}, seed {seed}", model, panel, season, forecasts, targets)


def data(name: str) -> tuple[Panel, int, list[NDArray[np.int64]]]:
    """A panel, its season, and the origins of each series whose whole horizon is held out."""
    if name in ("taxi", CALM):
        panel = taxi.panel(CALM_STEPS if name == CALM else None)
        ends = zip(panel.series, panel.validation_end, strict=True)
        return panel, taxi.SEASON, [np.arange(end - 1, len(each) - HORIZON) for each, end in ends]
    if name == "M4 Hourly":
        panel = m4_hourly.read(data_folder("m4_hourly"))
        return panel, m4_hourly.SEASON, [np.array([end - 1]) for end in panel.validation_end]
    panel = gift.read(data_folder("ett"), gift.ROWS[name])
    return panel, 24, gift.origins(panel)


def rows_of(
    name: str, model: Forecaster, panel: Panel, season: int, forecasts: Array, targets: Array
) -> list[list[str]]:
    """`forecasts` (origins, horizon, levels) beside what happened (origins, horizon)."""
    levels = model.config.quantiles
    dependence = dependence_of(model, panel, season)
    assert dependence is not None
    print(f"{name}: dependence {', '.join(f'{each:.2f}' for each in dependence[:: HORIZON // 8])}")
    alone = [1.0, *[0.0] * (HORIZON - 1)]
    joint, independent = (sums_of(forecasts, levels, each) for each in (dependence, alone))
    each_step = [covered(forecasts[:, :, band], targets) for band in places(levels)]
    rows = []
    for at, steps in enumerate(OVER):
        total = targets[:, :steps].sum(1)
        added = forecasts[:, :steps].sum(1)
        found = [
            [covered(quantiles[:, band], total) for band in places(levels)]
            for quantiles in (joint[:, at], added, independent[:, at])
        ]
        widths = [f"{width(quantiles, joint[:, at], levels):.2f}" for quantiles in (added, independent[:, at])]
        shown = [f"{100 * a:.1f} %, {100 * b:.1f} %" for a, b in (each_step, *found)]
        shown[2], shown[3] = (f"{text}; width x {times}" for text, times in zip(shown[2:], widths, strict=True))
        rows.append([name, f"{steps} steps", *shown])
    return rows


def sums_of(forecasts: Array, levels: Sequence[float], dependence: Sequence[float]) -> Array:
    """As the service answers them: (origins, sums, levels)."""
    bundle = fake_bundle(horizon=HORIZON, quantiles=levels, dependence=dependence)
    return Sums(bundle.manifest).of(forecasts, OVER, levels)


def places(levels: Sequence[float]) -> list[list[int]]:
    return [[levels.index(low), levels.index(high)] for low, high in BANDS]


def covered(bands: Array, targets: Array) -> float:
    """Share of the targets (…) within their band (…, 2), of those that are known."""
    known = np.isfinite(targets)
    inside = (bands[..., 0] <= targets) & (targets <= bands[..., 1])
    return float(inside[known].mean())


def width(quantiles: Array, other: Array, levels: Sequence[float]) -> float:
    """Of the 80 % band, as a multiple of another's."""
    low, high = places(levels)[0]
    return float((quantiles[:, high] - quantiles[:, low]).mean() / (other[:, high] - other[:, low]).mean())


def cost() -> list[str]:
    """What the service spends on sums of forecasts of 48 steps and 11 levels, on one core."""
    levels = (0.025, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.975)
    dependence = [0.8**apart for apart in range(HORIZON)]
    sums = Sums(fake_bundle(horizon=HORIZON, quantiles=levels, dependence=dependence).manifest)
    forecasts = np.sort(np.random.default_rng(0).normal(size=(256, HORIZON, len(levels))), axis=2)
    rows = []
    for count in (1, 32, 256):
        sums.of(forecasts[:count], [HORIZON], levels)
        spent = []
        for _ in range(9):
            started = time.process_time()
            for _ in range(max(1, 64 // count)):
                sums.of(forecasts[:count], [HORIZON], levels)
            spent.append((time.process_time() - started) / max(1, 64 // count) / count)
        rows.append([f"{count}", f"{1e6 * float(np.median(spent)):.0f} us"])
    return table(["forecasts at once", "a sum over 48 steps, each"], rows)


def _has_data() -> bool:
    return "GATECAST_DATA" in os.environ


if __name__ == "__main__":
    main()
