"""Small series, and trainings of them that take a second, for the tests of training and evaluation."""

from __future__ import annotations

import os
import signal
from io import StringIO
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
    steps=20, batch=4, shortest=8, longest=40, warm_up=4, validate_every=5, patience=50, rate=5e-3,
    cooldown=0.0, widen=False,
)  # fmt: skip


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


class Signalling(StringIO):
    """A console that sends this process a signal when a line begins as given."""

    def __init__(self, line: str, number: int) -> None:
        super().__init__()
        self.line = line
        self.number = number

    def write(self, text: str) -> int:
        if text.startswith(self.line):
            os.kill(os.getpid(), self.number)
        return super().write(text)


def train_and_die(path: str, threads: int, line: str) -> None:
    """A run whose process is killed when that line of its progress comes, before the checkpoint of that step."""
    torch.set_num_threads(threads)
    train(small_panel(), small_run(Path(path)), Console(file=Signalling(line, signal.SIGKILL), width=200))
