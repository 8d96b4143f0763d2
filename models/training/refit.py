"""A fresh forecaster for one fold of a backtest, trained as a run is trained, on what the fold may know."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from models.config import ForecasterConfig
from models.evaluation.folds import Fold
from models.evaluation.panel import Panel
from models.evaluation.rolling_origin import Fit, Stopped, Study
from models.forecaster import Forecaster
from models.training.loop import Record, TrainingDiverged
from models.training.settings import TrainingSettings
from models.training.trainer import prepare
from models.training.trainings import Silent, View


def refit(
    panel: Panel,
    config: ForecasterConfig,
    settings: TrainingSettings,
    season: int,
    observe: Callable[[Record], None] = lambda _: None,
    interrupted: Callable[[], bool] = lambda: False,
    threads: int = 1,
) -> tuple[Forecaster, dict[str, Any]]:
    """The forecaster and how its training went; the seed decides it, whatever was trained before.

    What `config` leaves open this panel implies, and it is noted.

    Stopped if it was interrupted: half a training would be another model. TrainingDiverged if it cannot be trained.
    """
    training = prepare(panel, config, settings, season, threads=threads)
    outcome = training.run(observe, lambda _: None, interrupted)
    if outcome.reason == "interrupted":
        raise Stopped
    place, found = outcome.place, training.model.config
    implied = {"implied": {name: getattr(found, name) for name in config.open}} if config.open else {}
    return training.model, {
        **implied,
        "ended": outcome.reason,
        "steps": place.step,
        "best_step": place.best_step,
        "best_validation_loss": place.best,
        "cooled": place.cooled is True,
        "widened": place.widened or 0.0,
        "skipped": place.skipped,
    }


def fit_of(
    study: Study,
    settings: TrainingSettings,
    weights: Forecaster | None,
    view: View | None = None,
    interrupted: Callable[[], bool] = lambda: False,
    threads: int = 1,
) -> Fit:
    """How a study's folds come by their forecasters: trained afresh, or `weights` for all where nothing is refitted."""
    shown = view or Silent()

    def fit(fold: Fold, panel: Panel | None) -> tuple[Forecaster, dict[str, Any]]:
        if panel is None:
            if weights is None:
                raise ValueError(f"fold {fold.number} is not refitted, and there are no weights to take")
            return weights, {}

        def observe(record: Record) -> None:
            shown.trained(fold.number - 1, record.step)

        try:
            return refit(panel, study.config, settings, study.season, observe, interrupted, threads)
        except TrainingDiverged as diverged:
            raise TrainingDiverged(f"fold {fold.number}: {diverged}") from None

    return fit
