"""What the benchmarks of forecast quality share: where data lie, training with the defaults, forecasts, the record."""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console

from bench.machine import taken
from models.config import ForecasterConfig
from models.evaluation.panel import Panel, Stretch
from models.evaluation.rolling import Span, roll
from models.forecaster import Forecaster
from models.training.progress import ProgressView
from models.training.settings import TrainingSettings
from models.training.trainer import prepare

RESULTS = Path(__file__).parent / "RESULTS.md"


def options(about: str | None) -> argparse.ArgumentParser:
    """The options that all benchmarks of quality take."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=TrainingSettings().steps)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--write", action="store_true", help="add the result to bench/RESULTS.md")
    return parser


def data_folder(name: str) -> Path:
    """A folder of the data sets that are not shipped; ends the program if it is not there."""
    root = os.environ.get("GATECAST_DATA")
    if root is None or not (Path(root) / name).is_dir():
        sys.exit(f"set GATECAST_DATA to the folder that holds {name}/ (now: {root})")
    return Path(root) / name


def fitted(panel: Panel, config: ForecasterConfig, settings: TrainingSettings) -> tuple[Forecaster, float, str]:
    """A forecaster trained as `gatecast train` would; also the seconds it took and how it ended."""
    training = prepare(panel, config, settings, season=config.lags[0])
    view = ProgressView(Console(), settings.steps)
    started = time.monotonic()
    with view.shown():
        outcome = training.run(view, lambda _: None)
    print(
        f"{outcome.place.step} steps, best validation loss {outcome.place.best:.4f} at step {outcome.place.best_step}, "
        f"{sum(weight.numel() for weight in training.model.parameters()):,} weights, {torch.get_num_threads()} threads"
    )
    return training.model, time.monotonic() - started, outcome.reason


def forecasts_at(
    model: Forecaster, stretches: list[Stretch], origins: list[NDArray[np.int64]]
) -> list[NDArray[np.float64]]:
    """For each series the forecasts from its origins, (origins, horizon, quantiles), all before them being read."""
    spans = [Span(stretch, int(at[0]), int(at[-1])) for stretch, at in zip(stretches, origins, strict=True)]
    quantiles = (model.config.horizon, len(model.config.quantiles))
    found = [np.full((span.last - span.first + 1, *quantiles), np.nan) for span in spans]
    for piece in roll(model, spans):
        start = piece.first - spans[piece.span].first
        found[piece.span][start : start + len(piece.level)] = piece.in_units().numpy()
    return [whole[at - at[0]] for whole, at in zip(found, origins, strict=True)]


def record(title: str, lines: list[str], write: bool) -> None:
    """Prints a result with where and when it was taken; with `write` it is added to RESULTS.md."""
    text = "\n".join([f"## {title}", "", taken(), "", *lines, ""])
    print(text)
    if write:
        before = RESULTS.read_text(encoding="utf-8") if RESULTS.is_file() else "# Results\n"
        RESULTS.write_text(before.rstrip() + "\n\n" + text, encoding="utf-8")


def table(headings: list[str], rows: list[list[str]]) -> list[str]:
    """Lines of a Markdown table."""
    ruler = ["---"] + ["---:"] * (len(headings) - 1)
    return ["| " + " | ".join(row) + " |" for row in [headings, ruler, *rows]]
