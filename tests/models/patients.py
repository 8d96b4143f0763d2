"""Runs that are really trained, in a second or two, on several kinds of data, and what makes them sick on purpose."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from models.cell import weights
from rich.console import Console

from datasets.bundled import bundled
from datasets.frequency import Frequency
from datasets.reader import read_table
from models.config import ForecasterConfig
from models.evaluation.panel import Panel, Stretch
from models.forecaster import Forecaster
from models.training import trainer
from models.training.run import Run, summarise
from models.training.settings import TrainingSettings
from tests.conftest import START

Sabotage = Callable[[Forecaster], None]

DEFAULTS = TrainingSettings(steps=100, batch=8, shortest=12, longest=32, warm_up=10, validate_every=10)
HELD_OUT = 36  # steps each of validation and test


def panel_of(*rows: np.ndarray, seconds: int = 3_600, held_out: int = HELD_OUT) -> Panel:
    stretches = tuple(Stretch(row[:, None].astype(float), START + seconds * np.arange(len(row))) for row in rows)
    ends = [len(row) for row in rows]
    return Panel(stretches, tuple(end - 2 * held_out for end in ends), tuple(end - held_out for end in ends))


def seasonal(length: int = 1000, seed: int = 0) -> np.ndarray:
    """Days of two harmonics, and weather that stays for some hours."""
    hours, random = np.arange(length), np.random.default_rng(seed)
    weather = np.zeros(length)
    for hour in range(1, length):
        weather[hour] = 0.9 * weather[hour - 1] + random.normal(0, 1)
    return 50 + 10 * np.sin(2 * np.pi * hours / 24) + 4 * np.sin(2 * np.pi * hours / 12 + 1) + weather


def trend(length: int = 500, seed: int = 0) -> np.ndarray:
    """A climb with a day's rhythm."""
    hours = np.arange(length)
    climb = 100 + 0.2 * hours + 5 * np.sin(2 * np.pi * hours / 24)
    return climb + np.random.default_rng(seed).normal(0, 1, length)


def counts(length: int = 500, seed: int = 0) -> np.ndarray:
    """Whole numbers, small ones, zeros among them."""
    rate = 6 + 5 * np.sin(2 * np.pi * np.arange(length) / 24)
    return np.random.default_rng(seed).poisson(rate).astype(float)


def wandering(length: int, seed: int = 0) -> np.ndarray:
    """A random walk: what there is to learn by heart will not come again."""
    return 30 + np.random.default_rng(seed).normal(0, 1, length).cumsum()


def readings(name: str) -> np.ndarray:
    """The bundled series, (time,)."""
    return read_table(bundled(name)).series[0].values[:, 0]


def seasonal_panel() -> Panel:
    return panel_of(seasonal(seed=0), seasonal(seed=1))


def trained(
    path: Path,
    panel: Panel,
    sabotage: Sabotage | None = None,
    model: dict[str, Any] | None = None,
    **training: Any,
) -> Run:
    """A run through the real trainer; `sabotage` is done to the weights before the first step. No pictures."""
    settings = {"hidden": 12, "layers": 2, "dropout": 0.1, "calendar": ("time_of_day",), **(model or {})}
    config = ForecasterConfig(**{"frequency": "1h", "horizon": 6, "lags": (24,), **settings})
    data = summarise(panel, "readings.csv", Frequency.parse(config.frequency), None, "y", ())
    run = Run(path, config, replace(DEFAULTS, **training), data)
    real = trainer.build

    def build(*arguments: Any) -> Forecaster:
        built = real(*arguments)
        if sabotage is not None:
            with torch.no_grad():
                sabotage(built)
        return built

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trainer, "build", build)
        for picture in ("plot_loss", "plot_forecast"):
            patch.setattr(trainer, picture, lambda *_: None)
        trainer.train(panel, run, Console(quiet=True))
    return run


def update_bias(value: float) -> Sabotage:
    """Every update gate's bias at `value`; z near 1 keeps the past."""

    def change(model: Forecaster) -> None:
        for layer in fused_layers(model):
            size = layer.hidden_size
            weights(layer)[2][size : 2 * size] = value

    return change


def recurrent_weights(factor: float) -> Sabotage:
    """All weights from state to state, by a factor."""

    def change(model: Forecaster) -> None:
        for layer in fused_layers(model):
            weights(layer)[1].mul_(factor)

    return change


def both(*changes: Sabotage) -> Sabotage:
    def change(model: Forecaster) -> None:
        for one in changes:
            one(model)

    return change


def saturated_units(share: float) -> Sabotage:
    """A share of each layer's units whose candidate is always 1 and is always taken."""

    def change(model: Forecaster) -> None:
        for layer in fused_layers(model):
            size, bias = layer.hidden_size, weights(layer)[2]
            many = int(share * size)
            bias[size : size + many] = -20
            bias[2 * size : 2 * size + many] = 20

    return change
