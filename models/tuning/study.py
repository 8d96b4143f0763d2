"""A study: its trials in SQLite, proposed, judged and counted, so that a search that died goes on where it was."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna
from optuna.exceptions import OptunaError
from optuna.storages import RDBStorage
from optuna.trial import FrozenTrial, Trial, TrialState, create_trial
from sqlalchemy.exc import SQLAlchemyError

from models.tuning.folder import DATABASE, StudyError
from models.tuning.messages import Ending
from models.tuning.plan import Plan

NAME = "tune"  # Hyperband's brackets depend on it
AGAIN = "again"  # of a trial that repeats one whose worker ended: the number of that one
ATTEMPT = "attempt"  # which one this is
ATTEMPTS = 3
WHY, STEPS, SECONDS = "why", "steps", "seconds"

STATES = {"complete": TrialState.COMPLETE, "pruned": TrialState.PRUNED, "failed": TrialState.FAIL}


@dataclass(frozen=True)
class Counts:
    """How many trials have come to which end; one that was repeated counts once."""

    complete: int
    pruned: int
    failed: int
    running: int
    waiting: int

    @property
    def ended(self) -> int:
        return self.complete + self.pruned + self.failed


class TuningStudy:
    """The trials of one plan. One process owns it (see `owned`): workers report to that one and open no database."""

    def __init__(self, study: optuna.Study, plan: Plan, sync: Callable[[], None]) -> None:
        self.study = study
        self.plan = plan
        self.sync = sync  # what is written so far survives a power cut; a kill it survives in any case

    def take_up(self) -> None:
        """Before the first trial of a command: those that ran when an earlier one died are queued again."""
        trials = self.study.get_trials(deepcopy=False)
        if not trials and (first := self.plan.first()):
            self.study.enqueue_trial(first)
        repeated = _repeated(trials)
        for trial in trials:
            if trial.state is not TrialState.RUNNING:
                continue
            if trial.number in repeated:  # killed between the two writes of `again`
                self.study.tell(trial.number, state=TrialState.FAIL)
            else:
                self.again(trial.number)

    def ask(self, limit: int) -> Trial | None:
        """The next trial, with all its values, or None if `limit` trials have ended or are running."""
        counts = self.counts()
        if counts.ended + counts.running >= limit:
            return None
        fresh = sum(AGAIN not in trial.user_attrs for trial in self.study.get_trials(deepcopy=False))
        self.study.sampler = self.plan.sampler_at(fresh)
        return self.study.ask(self.plan.space.distributions)

    def report(self, trial: Trial, step: int, loss: float) -> bool:
        """Keeps a validation loss; whether the trial is worth going on with."""
        trial.report(loss, step)
        return step >= self.plan.budget or not trial.should_prune()

    def finish(self, trial: Trial, ending: Ending, loss: float | None, **said: Any) -> None:
        """Ends a trial; `said` are its steps, seconds and why, as far as they are known."""
        for key, value in said.items():
            if value is not None:
                trial.set_user_attr(key, value)
        self.study.tell(trial, loss if ending == "complete" else None, STATES[ending])

    def again(self, number: int, attempts: int | None = None) -> bool:
        """Fails a running trial and queues it once more, with its values; False after so many attempts.

        The copy is written first: a kill between the two loses nothing.
        """
        trial = self.study.get_trials(deepcopy=False)[number]
        attempt = trial.user_attrs.get(ATTEMPT, 1)
        repeat = attempts is None or attempt < attempts
        if repeat:
            self.study.add_trial(
                create_trial(
                    state=TrialState.WAITING,
                    params=trial.params,
                    distributions=trial.distributions,
                    user_attrs={AGAIN: number, ATTEMPT: attempt + (attempts is not None)},
                    system_attrs=trial.system_attrs,
                )
            )
        self.study.tell(number, state=TrialState.FAIL)
        return repeat

    def trials(self) -> list[FrozenTrial]:
        """All trials but those that were repeated, in the order of their numbers."""
        trials = self.study.get_trials(deepcopy=False)
        repeated = _repeated(trials)
        return [trial for trial in trials if trial.number not in repeated]

    def counts(self) -> Counts:
        states = [trial.state for trial in self.trials()]
        names = ("COMPLETE", "PRUNED", "FAIL", "RUNNING", "WAITING")
        return Counts(*(states.count(TrialState[name]) for name in names))

    def best(self) -> FrozenTrial | None:
        """The complete trial with the smallest loss, the earliest of equals."""
        complete = [trial for trial in self.trials() if trial.state is TrialState.COMPLETE]
        return min(complete, key=lambda trial: trial.value or 0.0, default=None)


@contextmanager
def opened(folder: Path, plan: Plan) -> Iterator[TuningStudy]:
    """The study in a folder that this process owns; StudyError if its database is damaged or cannot be written."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    file = folder / DATABASE

    def connect() -> sqlite3.Connection:
        """A log of writes that is not waited for: a report takes a millisecond instead of fifty."""
        connection = sqlite3.connect(file)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        return connection

    try:
        storage = RDBStorage(f"sqlite:///{file.absolute()}", {"creator": connect})

        def sync() -> None:
            with storage.engine.connect() as connection:
                connection.exec_driver_sql("PRAGMA wal_checkpoint(FULL)")

        try:
            study = optuna.create_study(
                storage=storage, study_name=NAME, pruner=plan.build_pruner(), load_if_exists=True
            )
            yield TuningStudy(study, plan, sync)
        finally:
            storage.remove_session()
            storage.engine.dispose()
    except (SQLAlchemyError, OptunaError, sqlite3.Error) as fault:
        cause = fault.__cause__ or fault
        said = (str(cause).splitlines() or [type(cause).__name__])[0]
        raise StudyError(f"{file} cannot be used ({said}): make room for it, or take another --out") from fault


def _repeated(trials: list[FrozenTrial]) -> set[int]:
    return {trial.user_attrs[AGAIN] for trial in trials if AGAIN in trial.user_attrs}
