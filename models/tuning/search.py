"""The search itself: trials go out to the workers and come back, until so many have ended."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Literal, Protocol

from models.tuning.crew import Crew, Worker
from models.tuning.folder import StudyError
from models.tuning.messages import Report, Result, Task
from models.tuning.study import ATTEMPTS, TuningStudy

PAUSE = 0.2  # seconds between two looks for Ctrl-C
SILENT = 5  # workers in a row that end before they say anything

Reason = Literal["done", "timeout", "interrupted"]


class View(Protocol):
    """What is told of the search as it goes."""

    def reported(self, number: int, report: Report) -> None: ...
    def ended(self, number: int, result: Result) -> None: ...
    def repeated(self, number: int, why: str) -> None: ...


def search(
    study: TuningStudy,
    crew: Crew,
    trials: int,
    view: View,
    interrupted: Callable[[], bool] = lambda: False,
    timeout: float | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Reason:
    """Runs trials until `trials` have ended in this study, or after `timeout` seconds no new one has begun.

    Interrupted, it leaves at once; the trials that ran are queued again, for a search that goes on.
    """
    started = clock()
    silent = 0
    try:
        while not interrupted():
            late = timeout is not None and clock() - started >= timeout
            if not late:
                _hand_out(study, crew, trials, view)
            if not crew.busy:
                return "timeout" if late and study.counts().ended < trials else "done"
            for worker, message in crew.said(PAUSE):
                silent = silent + 1 if message is None else 0
                _hear(study, worker, message, view)
            if silent >= SILENT:
                raise StudyError(
                    f"{silent} workers in a row ended without a word: fewer --workers leave each more memory"
                )
        return "interrupted"
    finally:
        for worker in crew.busy:
            if worker.trial is not None:
                study.again(worker.trial.number)
        crew.dismiss()


def _hand_out(study: TuningStudy, crew: Crew, trials: int, view: View) -> None:
    while not crew.full:
        trial = study.ask(trials)
        if trial is None:
            return
        try:
            task = Task(*study.plan.trial(trial.params))
        except ValueError as unfit:  # of two settings that do not go together
            result = Result("failed", why=str(unfit))
            study.finish(trial, result.ending, None, why=result.why)
            view.ended(trial.number, result)
            continue
        crew.begin(trial, task)


def _hear(study: TuningStudy, worker: Worker, message: Report | Result | None, view: View) -> None:
    trial = worker.trial
    if trial is None:
        return
    if isinstance(message, Report):
        view.reported(trial.number, message)
        try:
            worker.connection.send(study.report(trial, message.step, message.loss))
        except ConnectionError:  # it ended meanwhile: the next look tells
            return
        return
    worker.trial = None
    if message is None:
        why = f"its worker ended with status {worker.process.exitcode}"
        if study.again(trial.number, ATTEMPTS):
            view.repeated(trial.number, why)
        else:
            view.ended(trial.number, Result("failed", why=f"{why}, {ATTEMPTS} times"))
        return
    study.finish(trial, message.ending, message.loss, steps=message.steps, seconds=message.seconds, why=message.why)
    study.sync()
    view.ended(trial.number, message)
