"""A rolling-origin backtest: fold by fold a forecaster for what was known then, and its forecasts of what came."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import torch

from datasets.frequency import Frequency, format_time
from models.config import ForecasterConfig
from models.evaluation.folds import Fold, FoldSettings, folds_of, origins_of, training_panel
from models.evaluation.forecasts import forecasts_of
from models.evaluation.ledger import Ledger, digest_of
from models.evaluation.panel import Panel, Stretch
from models.evaluation.scores import Scores
from models.forecaster import Forecaster
from models.training.trainings import Silent, View

SECONDS = "seconds"  # of a fold, in its notes: those of training and those of forecasting


class Stopped(Exception):
    """It was interrupted between two folds or in one; the folds done are kept."""


class Fit(Protocol):
    """Gives the forecaster of a fold and what is to be noted of its training; `panel` is all that it may know.

    None instead of a panel: nothing is to be learned, the weights are there.
    """

    def __call__(self, fold: Fold, panel: Panel | None) -> tuple[Forecaster, dict[str, Any]]: ...


@dataclass(frozen=True, eq=False)
class Study:
    """What is evaluated: series, the configuration of the forecasters, and how the folds lie."""

    ids: tuple[str, ...]
    stretches: tuple[Stretch, ...]
    config: ForecasterConfig
    season: int  # steps; of the MASE's scale
    settings: FoldSettings

    @property
    def frequency(self) -> Frequency:
        return Frequency.parse(self.config.frequency)

    @property
    def folds(self) -> tuple[Fold, ...]:
        return folds_of(self.stretches, self.frequency, self.settings)

    @property
    def identity(self) -> dict[str, Any]:
        """What decides the figures, beside the way the forecasters come about."""
        return {
            "model": self.config.to_dict(),
            "folds": self.settings.to_dict(),
            "data": digest_of(self.stretches, self.ids),
        }


def evaluate(
    study: Study,
    ledger: Ledger,
    fit: Fit,
    view: View | None = None,
    interrupted: Callable[[], bool] = lambda: False,
    clock: Callable[[], float] = time.perf_counter,
) -> Scores:
    """Does the folds that are not done, and scores them all from what the ledger holds.

    So an evaluation that was stopped and resumed comes to the figures of one that was not. `view` is told what is being
    done with which fold, each of them a training. Stopped if `interrupted` says so. `clock` gives seconds.
    """
    view = view or Silent()
    torch.set_num_threads(1)  # a training that uses several has them side by side
    for fold in study.folds:
        if ledger.done(fold.number):
            view.begun(f"{named(study, fold)}: was done before")
            view.trained(fold.number, 0)
            continue
        _check(interrupted)
        _do(study, ledger, fold, fit, view, lambda: _check(interrupted), clock)
    scores = Scores(study.config, dict(zip(study.ids, study.stretches, strict=True)))
    for fold in study.folds:
        scores.add(fold.number, ledger.read(fold.number))
    ledger.conclude([fold.number for fold in study.folds], summary(study, ledger, scores), scores.series_table())
    return scores


def named(study: Study, fold: Fold) -> str:
    """A fold as it is spoken of: fold 2/3, from 2024-05-16T04:00:00."""
    return f"fold {fold.number}/{study.settings.count}, from {format_time(fold.cutoff, study.frequency)}"


def summary(study: Study, ledger: Ledger, scores: Scores) -> dict[str, Any]:
    """What metrics.json holds: the figures, and of each fold its times and how its training went."""
    metrics = scores.to_dict()
    for entry, fold in zip(metrics["by_fold"], study.folds, strict=True):
        ends = {"cutoff": fold.cutoff, "end": fold.end}
        entry |= {name: format_time(time, study.frequency) for name, time in ends.items()}
        # How long it took is not a figure of the forecasts, and is another one every time.
        entry["training"] = {name: value for name, value in ledger.notes(fold.number).items() if name != SECONDS}
    return {"settings": study.settings.to_dict(), "season": study.season, **metrics}


def _do(
    study: Study,
    ledger: Ledger,
    fold: Fold,
    fit: Fit,
    view: View,
    check: Callable[[], None],
    clock: Callable[[], float],
) -> None:
    settings = study.settings
    panel = training_panel(study.stretches, fold, study.config, settings) if settings.refit else None
    if panel is not None:
        view.begun(f"{named(study, fold)}: training")
    begun = clock()
    model, notes = fit(fold, panel)
    trained = clock()
    view.trained(fold.number, 0)
    view.begun(f"{named(study, fold)}: forecasting")
    origins = origins_of(study.stretches, fold, study.config, settings)
    forecasts = forecasts_of(
        model, study.stretches, study.ids, fold, origins, settings.stride, study.season, study.frequency, check
    )
    known = {} if panel is None else {"series": len(panel.series), "readings": sum(len(part) for part in panel.series)}
    spent = {} if panel is None else {SECONDS: {"training": trained - begun, "forecasting": clock() - trained}}
    ledger.keep(fold.number, forecasts, {**known, **notes, **spent})


def _check(interrupted: Callable[[], bool]) -> None:
    if interrupted():
        raise Stopped
