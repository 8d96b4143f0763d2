"""What the benchmarks of forecast quality share: where data lie, training with the defaults, the record."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import torch
from rich.console import Console

from bench.machine import taken
from models.config import ForecasterConfig
from models.evaluation.panel import Panel
from models.forecaster import Forecaster
from models.training.progress import ProgressView
from models.training.settings import TrainingSettings
from models.training.trainer import prepare

RESULTS = Path(__file__).parent / "RESULTS.md"


def data_folder(name: str) -> Path:
    """A folder of the data sets that are not shipped; ends the program if it is not there."""
    root = os.environ.get("GATECAST_DATA")
    if root is None or not (Path(root) / name).is_dir():
        sys.exit(f"set GATECAST_DATA to the folder that holds {name}/ (now: {root})")
    return Path(root) / name


def fitted(panel: Panel, config: ForecasterConfig, settings: TrainingSettings) -> tuple[Forecaster, float, str]:
    """A forecaster trained as `gatecast train` would; also the seconds it took and how it ended."""
    training = prepare(panel, config, settings, season=config.lags[0])
    view = ProgressView(Console(), settings.steps_in_all)
    started = time.monotonic()
    with view.shown():
        outcome = training.run(view, lambda _: None)
    print(
        f"{outcome.place.step} steps, best validation loss {outcome.place.best:.4f} at step {outcome.place.best_step}, "
        f"{sum(weight.numel() for weight in training.model.parameters()):,} weights, {torch.get_num_threads()} threads"
    )
    return training.model, time.monotonic() - started, outcome.reason


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
