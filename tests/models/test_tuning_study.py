"""The study without its workers: what is proposed, pruned, counted and taken up, over losses that are made up."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import product
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.trial import Trial, TrialState

from models.tuning.folder import DATABASE, StudyError, owned
from models.tuning.importance import importances
from models.tuning.plan import Plan, PlanError, settings_of
from models.tuning.results import write_results
from models.tuning.space import Space
from models.tuning.study import ATTEMPTS, NAME, TuningStudy, opened
from tests.conftest import small_config

SPACE = """
rate = { low = 0.001, high = 0.1, log = true }
hidden = { choices = [4, 8, 16] }
"""
Values = list[dict[str, Any]]


def plan(sampler: str = "random", pruner: str = "median", space: str = SPACE, seed: int = 3, steps: int = 40) -> Plan:
    return Plan(Space.parse(space), small_config(), settings_of(steps, 0), sampler, pruner, seed, "digest")


def loss(values: dict[str, Any]) -> float:
    return abs(values["rate"] - 0.01) + 0.001 * values["hidden"]


def run(study: TuningStudy, limit: int) -> None:
    while (trial := study.ask(limit)) is not None:
        study.finish(trial, "complete", loss(trial.params))


def values_of(study: TuningStudy) -> Values:
    return [trial.params for trial in study.trials()]


@contextmanager
def taken_up(folder: Path, plan: Plan) -> Iterator[TuningStudy]:
    with opened(folder, plan) as study:
        study.take_up()
        yield study


def unsaved(plan: Plan) -> TuningStudy:
    """A study in memory, for what has nothing to do with the disk."""
    study = TuningStudy(optuna.create_study(study_name=NAME, pruner=plan.build_pruner()), plan, lambda: None)
    study.take_up()
    return study


def searched(plan: Plan, limit: int) -> Values:
    """The values of all trials, in the order in which they ended."""
    study = unsaved(plan)
    run(study, limit)
    assert study.counts().complete == limit
    return values_of(study)


def searched_twice(folder: Path, plan: Plan, limit: int, killed_at: int) -> Values:
    """The same of a study on disk that dies with a trial running, and goes on."""
    with taken_up(folder, plan) as study:
        run(study, killed_at)
        study.ask(limit)
    with taken_up(folder, plan) as study:
        run(study, limit)
        assert study.counts().complete == limit
        return values_of(study)


def test_a_grid_covers_every_combination_once_even_if_it_dies_on_the_way(tmp_path: Path) -> None:
    whole = plan("grid")
    wanted = set(product(*whole.space.grid.values()))
    for values in (searched(whole, 9), searched_twice(tmp_path, whole, 9, killed_at=4)):
        assert len(values) == len(wanted) == 9
        assert {(v["rate"], v["hidden"]) for v in values} == wanted


def test_workers_of_a_grid_never_have_the_same_trial_in_hand() -> None:
    study = unsaved(plan("grid"))
    trials = [study.ask(9) for _ in range(9)]
    assert study.ask(9) is None
    assert len({tuple(trial.params.items()) for trial in trials if trial is not None}) == 9


@pytest.mark.parametrize("sampler", ["tpe", "random"])
def test_the_same_seed_proposes_the_same_trials_and_so_does_a_study_that_died(tmp_path: Path, sampler: str) -> None:
    whole = searched(plan(sampler), 14)
    assert searched_twice(tmp_path, plan(sampler), 14, killed_at=11) == whole
    other = searched(plan(sampler, seed=4), 14)
    assert other[1:] != whole[1:]
    assert len({values["rate"] for values in whole}) == 14


def test_the_first_trial_is_what_is_not_tuned_where_that_lies_in_the_space() -> None:
    assert searched(plan(), 1) == [{"rate": 0.005, "hidden": 8}]
    outside = plan(space="rate = { low = 0.1, high = 0.2 }\nhidden = 8")
    (only,) = searched(outside, 1)
    assert 0.1 <= only["rate"] <= 0.2


def trained(study: TuningStudy, trial: Trial, losses: list[float]) -> int:
    """How many reports a trial was worth."""
    for place, value in enumerate(losses, start=1):
        if not study.report(trial, 2 * place, value):
            study.finish(trial, "pruned", value)
            return place
    study.finish(trial, "complete", min(losses))
    return len(losses)


@pytest.mark.parametrize(("pruner", "reports"), [("median", 4), ("hyperband", 1), ("none", 20)])
def test_a_hopeless_trial_is_pruned_and_a_good_one_is_not(pruner: str, reports: int) -> None:
    study = unsaved(plan(pruner=pruner))
    for _ in range(9):  # of these Hyperband ends some early
        trained(study, _asked(study), [0.5 - 0.01 * place for place in range(20)])
    kept = study.counts().complete
    assert trained(study, _asked(study), [9.0] * 20) <= (20 if pruner == "none" else 12)
    assert study.counts().pruned + study.counts().complete == 10
    assert (study.counts().complete == kept) is (pruner != "none")
    if pruner == "median":
        assert study.trials()[-1].last_step == 2 * reports  # the first after the part in which nothing is pruned
    assert trained(study, _asked(study), [0.4 - 0.01 * place for place in range(20)]) == 20


def _asked(study: TuningStudy) -> Trial:
    trial = study.ask(1000)
    assert trial is not None
    return trial


def test_a_kill_between_the_two_writes_of_a_repeat_repeats_once(tmp_path: Path) -> None:
    with taken_up(tmp_path, plan()) as study:
        number = _asked(study).number
        tell, study.study.tell = study.study.tell, lambda *_, **__: None  # type: ignore[method-assign, assignment]
        study.again(number)  # the copy is queued; the process dies before the old one is failed
        study.study.tell = tell  # type: ignore[method-assign]
    with taken_up(tmp_path, plan()) as study:
        run(study, 3)
        assert [trial.state for trial in study.study.trials].count(TrialState.FAIL) == 1
        assert (study.counts().complete, study.counts().failed) == (3, 0)


def test_a_trial_whose_workers_keep_ending_is_given_up() -> None:
    study = unsaved(plan())
    first = _asked(study)
    assert study.again(first.number, ATTEMPTS)
    second = _asked(study)
    assert second.params == first.params
    assert study.again(second.number, ATTEMPTS)
    assert not study.again(_asked(study).number, ATTEMPTS)
    assert (study.counts().failed, study.counts().ended) == (1, 1)


def test_a_trial_that_failed_counts_so_a_search_always_ends() -> None:
    study = unsaved(plan())
    study.finish(_asked(study), "failed", None, why="no memory")
    run(study, 2)
    assert (study.counts().failed, study.counts().complete) == (1, 1)


def test_importance_names_the_setting_that_decides_and_needs_some_trials(tmp_path: Path) -> None:
    study = unsaved(plan("random", space=SPACE + "dropout = { low = 0.0, high = 0.5 }"))
    run(study, 7)
    assert importances(study.study) is None
    run(study, 30)
    shares = importances(study.study)
    assert shares is not None
    assert next(iter(shares)) == "rate"
    assert sum(shares.values()) == pytest.approx(1)
    write_results(tmp_path, study)
    study.finish(_asked(study), "pruned", None)
    assert (tmp_path / "importance.png").stat().st_size > 5_000
    assert (tmp_path / "history.png").stat().st_size > 5_000


def test_a_study_has_one_owner(tmp_path: Path) -> None:
    with (
        owned(tmp_path),
        pytest.raises(StudyError, match=f"is being searched by process {os.getpid()}"),
        owned(tmp_path),
    ):
        pass
    with owned(tmp_path):
        pass


def test_a_database_that_is_none_is_named(tmp_path: Path) -> None:
    (tmp_path / DATABASE).write_text("no database at all, and long enough to be looked at" * 20)
    with pytest.raises(StudyError, match=r"study\.sqlite cannot be used"), opened(tmp_path, plan()):
        pass


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sampler": "best"}, "--sampler is one of tpe, random, grid, not 'best'"),
        ({"pruner": "harsh"}, "--pruner is one of median, hyperband, none, not 'harsh'"),
        ({"space": "rate = { low = 0.1, high = 2.0 }"}, "rate: the rate must lie between 0 and 1, not"),
        (
            {"sampler": "grid", "space": "rate = { low = 0.1, high = 0.2, points = 20000 }"},
            "a grid over this space has 20,000 trials",
        ),
    ],
)
def test_a_plan_that_cannot_be_is_refused_before_it_begins(changes: dict[str, str], message: str) -> None:
    with pytest.raises(PlanError, match=message):
        plan(**changes)  # type: ignore[arg-type]


def test_settings_that_fit_only_together_are_no_fault() -> None:
    both = plan(space="shortest = { low = 300, high = 400 }\nlongest = { low = 300, high = 500 }")
    assert both.trial({"shortest": 300, "longest": 500})[1].longest == 500
