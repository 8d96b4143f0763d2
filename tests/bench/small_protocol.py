"""A protocol small enough to be run in a test: six-hourly series with a day's and a week's rhythm."""

from __future__ import annotations

from typing import Any

import numpy as np

from bench.accuracy.measures import COVERS_80, CRPS, MAE, MASE, MSE
from bench.accuracy.protocol import Protocol, Row
from datasets.frequency import Frequency
from models.evaluation.panel import Panel, Stretch
from models.training.settings import TrainingSettings

STEP, HORIZON, SEASON = 21_600, 3, 4
TRAIN, VALIDATION, LENGTH = 140, 170, 200
FEW = TrainingSettings(steps=2, batch=4, shortest=16, longest=32, validate_every=2)


def series(seed: int) -> Stretch:
    """Readings of one series, (200, 1)."""
    random, steps = np.random.default_rng(seed), np.arange(LENGTH)
    wave = (
        50 + 10 * np.sin(2 * np.pi * steps / SEASON) + 5 * np.sin(2 * np.pi * steps / 28) + random.normal(0, 1, LENGTH)
    )
    return Stretch(wave[:, None] * (1 + seed), 1_400_000_000 + STEP * steps)


def small_protocol(count: int = 2, **chosen: Any) -> Protocol:
    """Every origin of the held-out part of so many series; `chosen` overrides by name."""
    stretches = tuple(series(seed) for seed in range(count))
    settings: dict[str, Any] = {
        "name": "small",
        "title": "Small",
        "about": "Two series.",
        "frequency": Frequency.parse("6h"),
        "season": SEASON,
        "horizon": HORIZON,
        "panel": Panel(stretches, (TRAIN,) * count, (VALIDATION,) * count),
        "origins": (np.arange(VALIDATION - 1, LENGTH - HORIZON),) * count,
        "learned": (VALIDATION,) * count,
        "measures": (MASE, CRPS, MSE, MAE, COVERS_80),
        "naive": {},
        "published": [Row("Somebody", {MASE: ".500"})],
        "goals": [Row("goal", {MASE: "≤ .4"})],
        "deviations": np.array([1.0 + seed for seed in range(count)]),
    }
    return Protocol(**{**settings, **chosen})
