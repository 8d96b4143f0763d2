"""Small studies for the tests of rolling-origin backtests: random panels, and nets that train in a moment."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from models.evaluation.folds import FoldSettings
from models.evaluation.ledger import Ledger
from models.evaluation.panel import Stretch
from models.evaluation.rolling_origin import Study, evaluate
from models.evaluation.scores import Scores
from models.training.refit import fit_of
from models.training.settings import TrainingSettings
from tests.conftest import HOUR, START, daily_wave, small_config

TINY = TrainingSettings(steps=3, batch=2, shortest=8, longest=24, warm_up=1, validate_every=2)
FOLDS = FoldSettings(count=3, test_steps=12, stride=6)


def study_of(settings: FoldSettings = FOLDS, series: int = 2, length: int = 150) -> Study:
    """Hourly waves that end together, the first of them the longest; a reading in thirteen is missing."""
    stretches = []
    for row in range(series):
        values = daily_wave(length - 20 * row, seed=row)[:, None]
        values[row::13] = np.nan
        stretches.append(Stretch(values, START + HOUR * np.arange(20 * row, length)))
    ids = tuple(["north", "south", "east", "west"][:series])
    return Study(ids, tuple(stretches), small_config(hidden=4, layers=1), 24, settings)


def ragged_study(seed: int, settings: FoldSettings) -> Study:
    """Series that begin and end at random, with a covariate and holes; the first one is there all the time."""
    random = np.random.default_rng(seed)
    length = 3 * settings.test_steps + 80
    stretches = []
    for row in range(int(random.integers(1, 4))):
        first, last = (0, length) if row == 0 else (int(random.integers(0, 70)), length - int(random.integers(0, 30)))
        values = np.stack([daily_wave(length, seed=seed + row), random.normal(size=length)], 1)[first:last]
        values[random.random(values.shape) < 0.1] = np.nan
        stretches.append(Stretch(values, START + HOUR * np.arange(first, last)))
    config = small_config(hidden=4, layers=1, covariates=("temperature",))
    return Study(tuple(f"s{row}" for row in range(len(stretches))), tuple(stretches), config, 24, settings)


def changed(study: Study, times: Callable[[np.ndarray], np.ndarray]) -> Study:
    """The study with other readings at the times that are chosen."""
    stretches = []
    for row, stretch in enumerate(study.stretches):
        other = np.random.default_rng(row).normal(1_000, 300, stretch.values.shape)
        stretches.append(replace(stretch, values=np.where(times(stretch.times)[:, None], other, stretch.values)))
    return replace(study, stretches=tuple(stretches))


def evaluated(study: Study, path: Path, stop: Callable[[], bool] = lambda: False, resume: bool = False) -> Scores:
    """What comes of a study in that folder."""
    ledger = Ledger(path, study.identity, study.config)
    ledger.open(resume, replace=False)
    return evaluate(study, ledger, fit_of(study, TINY, None, interrupted=stop), interrupted=stop)
