"""The search with workers that are processes: they share a study, one of them is killed, and none keeps a bad trial."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

from models.training.settings import TrainingSettings
from models.tuning.crew import Crew
from models.tuning.messages import Report, Result, Task
from models.tuning.plan import Plan
from models.tuning.search import search
from models.tuning.space import Space
from models.tuning.study import AGAIN, opened
from models.tuning.worker import trained
from tests.conftest import small_config
from tests.models.panels import SEASON, small_panel

SETTINGS = TrainingSettings(steps=6, batch=2, shortest=8, longest=24, validate_every=1)


class Killer:
    """A view that kills the first worker which reports, and notes what it is told."""

    def __init__(self, crew: Crew) -> None:
        self.crew = crew
        self.killed: int | None = None
        self.ends: list[int] = []
        self.repeats: list[str] = []

    def reported(self, number: int, report: Report) -> None:  # noqa: ARG002 - the signature of a view
        if self.killed is None:
            worker = next(worker for worker in self.crew.busy if worker.trial and worker.trial.number == number)
            assert worker.process.pid is not None
            os.kill(worker.process.pid, signal.SIGKILL)
            worker.process.join()
            self.killed = number

    def ended(self, number: int, result: Result) -> None:  # noqa: ARG002 - the signature of a view
        self.ends.append(number)

    def repeated(self, number: int, why: str) -> None:
        assert number == self.killed
        self.repeats.append(why)


def test_two_workers_share_a_study_and_the_trial_of_one_that_is_killed_is_done_again(tmp_path: Path) -> None:
    panel = small_panel(series=1)
    plan = Plan(Space.parse("layers = { choices = [1, 2] }"), small_config(), SETTINGS, "grid", "none", 0, "digest")
    with opened(tmp_path, plan) as study:
        crew = Crew(2, panel.before_test(), SEASON)
        view = Killer(crew)
        assert search(study, crew, 2, view) == "done"
        assert view.repeats == ["its worker ended with status -9"]
        assert len(view.ends) == 2
        assert crew.workers == []
        trials = study.trials()
        assert sorted(trial.params["layers"] for trial in trials) == [1, 2]
        assert [trial.user_attrs.get(AGAIN) for trial in trials] == [None, view.killed]
        first, second = study.study.trials[:2]
        assert first.datetime_complete is not None
        assert second.datetime_start is not None
        assert second.datetime_start < first.datetime_complete  # they ran side by side


class Owner:
    """The other end of a worker's connection: says to stop at the first validation that is above a bound."""

    def __init__(self, bound: float) -> None:
        self.bound = bound
        self.reports: list[Report] = []

    def send(self, report: Any) -> None:
        self.reports.append(report)

    def recv(self) -> bool:
        return self.reports[-1].loss <= self.bound

    def poll(self) -> bool:
        return False


def test_a_worker_reports_each_validation_and_leaves_a_trial_that_is_not_worth_it() -> None:
    panel = small_panel(series=1).before_test()
    patient = Owner(bound=1e9)
    whole = trained(Task(small_config(), SETTINGS), patient, panel, SEASON)  # type: ignore[arg-type]
    assert whole.ending == "complete"
    assert [report.step for report in patient.reports] == [1, 2, 3, 4, 5, 6]
    assert whole.loss == min(report.loss for report in patient.reports)
    strict = Owner(bound=0.0)
    ended = trained(Task(small_config(), SETTINGS), strict, panel, SEASON)  # type: ignore[arg-type]
    assert (ended.ending, ended.steps) == ("pruned", 1)
    assert strict.reports == patient.reports[:1]


def test_settings_that_cannot_be_trained_end_the_trial_and_not_the_worker() -> None:
    panel = small_panel(series=1).before_test()
    task = Task(small_config(architecture="gru-transformer", heads=3), SETTINGS)
    failed = trained(task, Owner(0.0), panel, SEASON)  # type: ignore[arg-type]
    assert failed.ending == "failed"
    assert failed.why is not None
    assert "hidden a multiple of heads" in failed.why


def test_settings_that_do_not_go_together_fail_their_trial_and_no_time_begins_none(tmp_path: Path) -> None:
    space = Space.parse("shortest = { choices = [8, 99] }\nlongest = { choices = [24, 120] }")
    plan = Plan(space, small_config(), SETTINGS, "random", "none", 0, "digest")
    with opened(tmp_path, plan) as study:
        study.study.enqueue_trial({"shortest": 99, "longest": 24})
        crew = Crew(1, small_panel(series=1).before_test(), SEASON)
        view = Killer(crew)
        assert search(study, crew, 1, view, timeout=0.0) == "timeout"
        assert study.counts().ended == 0
        assert search(study, crew, 1, view) == "done"
        assert (study.counts().failed, view.ends, crew.workers) == (1, [0], [])
        assert "the longest crop 24 is shorter than the shortest 99" in study.trials()[0].user_attrs["why"]
