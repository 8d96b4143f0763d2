"""What a study leaves beside its database: the best settings, a table of all trials, and the pictures."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from optuna.trial import FrozenTrial, TrialState

from models.config import IMPLIED
from models.training.checkpoint import write_atomically
from models.training.recipe import write_recipe
from models.tuning.folder import BEST, HISTORY_PLOT, IMPORTANCE, IMPORTANCE_PLOT, TRIALS
from models.tuning.importance import importances, write_importance
from models.tuning.plots import plot_history, plot_importance
from models.tuning.study import AGAIN, SECONDS, STEPS, WHY, TuningStudy


def write_results(folder: Path, study: TuningStudy) -> None:
    """Writes what the trials so far allow, and clears away what is no longer so."""
    trials = study.trials()
    for name in (BEST, IMPORTANCE, IMPORTANCE_PLOT):
        (folder / name).unlink(missing_ok=True)
    write_atomically(folder / TRIALS, _table(study, trials))
    plot_history(trials, folder / HISTORY_PLOT)
    best = study.best()
    if best is not None:
        config, settings = study.plan.trial(best.params)
        found = {"trial": best.number, "validation_loss": best.value, "tuned": dict(best.params)}
        implied = [name for name in IMPLIED if name not in study.plan.space.dimensions]
        write_recipe(folder / BEST, config, settings, study=found, implied=implied)
    shares = importances(study.study)
    if shares:
        complete = sum(trial.state is TrialState.COMPLETE for trial in trials)
        write_importance(folder / IMPORTANCE, shares, complete)
        plot_importance(shares, complete, folder / IMPORTANCE_PLOT)


def _table(study: TuningStudy, trials: list[FrozenTrial]) -> bytes:
    """A row a trial. The loss of a pruned trial is its last report."""
    names = list(study.plan.space.dimensions)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["trial", "state", "loss", *names, "steps", "seconds", "why", "repeats"])
    for trial in trials:
        loss = "" if trial.value is None else repr(trial.value)
        said = trial.user_attrs
        row = [said.get(STEPS, trial.last_step), said.get(SECONDS), said.get(WHY), said.get(AGAIN)]
        shown = ["" if value is None else value for value in row]
        writer.writerow(
            [trial.number, trial.state.name.lower(), loss, *(trial.params.get(name, "") for name in names), *shown]
        )
    return text.getvalue().encode()
