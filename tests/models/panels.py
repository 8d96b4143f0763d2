"""Small series, and trainings of them that take a second, for the tests of training and evaluation."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from rich.console import Console

from datasets.frequency import Frequency
from models.evaluation.panel import Panel, Stretch
from models.training.loop import Training
from models.training.run import Run, summarise
from models.training.settings import TrainingSettings
from models.training.trainer import prepare, train
from tests.conftest import HOUR, START, daily_wave, small_config

SEASON = 24
SETTINGS = TrainingSettings(
    steps=20, batch=4, shortest=8, longest=40, warm_up=4, validate_every=5, patience=50, rate=5e-3
)


def small_panel(series: int = 2, length: int = 240, held_out: int = 24) -> Panel:
    """Hourly waves; validation and the held-out end are `held_out` steps each."""
    stretches = tuple(
        Stretch(daily_wave(length + 7 * row, seed=row)[:, None], START + HOUR * np.arange(length + 7 * row))
        for row in range(series)
    )
    ends = [len(stretch) for stretch in stretches]
    return Panel(stretches, tuple(end - 2 * held_out for end in ends), tuple(end - held_out for end in ends))


def small_training(settings: TrainingSettings = SETTINGS, **changes: object) -> Training:
    return prepare(small_panel(), small_config(dropout=0.2, **changes), settings, SEASON)


def small_run(path: Path, panel: Panel | None = None, settings: TrainingSettings = SETTINGS) -> Run:
    panel = panel or small_panel()
    data = summarise(panel, "waves.csv", Frequency.parse("1h"), None, "y", ())
    return Run(path, small_config(dropout=0.2), settings, data)


def train_small(path: Path, resume: bool = False) -> None:
    """A whole run; a process of its own can be killed in the middle of it."""
    torch.set_num_threads(1)
    train(small_panel(), small_run(path), Console(quiet=True), resume)
