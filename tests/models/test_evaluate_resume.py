"""The folder of a backtest: what is done is kept, what was stopped goes on, and what does not fit is refused."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from rich.console import Console

from models.evaluation.folds import Fold
from models.evaluation.ledger import FORECASTS, METRICS, EvaluationError, Ledger
from models.evaluation.rolling_origin import Stopped, Study, evaluate
from models.training.refit import fit_of
from models.training.trainings import TrainingsView
from tests.models.studies import FOLDS, TINY, changed, evaluated, study_of


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Study, Path]:
    """A finished evaluation; tests do not change it."""
    path = tmp_path_factory.mktemp("evaluations") / "whole"
    study = study_of()
    evaluated(study, path)
    return study, path


@pytest.mark.parametrize("calls", [0, 4, 7])
def test_stopped_and_resumed_is_as_never_stopped(whole: tuple[Study, Path], tmp_path: Path, calls: int) -> None:
    study, expected = whole
    path = tmp_path / "stopped"
    with pytest.raises(Stopped):
        evaluated(study, path, stop=after(calls))
    assert not (path / METRICS).exists()
    evaluated(study, path, resume=True)
    assert (path / METRICS).read_bytes() == (expected / METRICS).read_bytes()
    assert pl.read_parquet(path / FORECASTS).equals(pl.read_parquet(expected / FORECASTS))


def after(calls: int) -> Callable[[], bool]:
    """Ctrl-C that comes after so many looks whether it has come."""
    looks = iter(range(1_000))
    return lambda: next(looks) >= calls


def test_folds_done_are_not_done_again(tmp_path: Path) -> None:
    study, trained = study_of(), []
    ledger = Ledger(tmp_path / "run", study.identity, study.config)
    evaluated_folds = fit_of(study, TINY, None)

    def fit(fold: Fold, panel: Any) -> Any:
        trained.append(fold.number)
        if len(trained) == 2:
            raise Stopped
        return evaluated_folds(fold, panel)

    ledger.open(resume=False, replace=False)
    with pytest.raises(Stopped):
        evaluate(study, ledger, fit)
    evaluate(study, ledger, fit)
    evaluate(study, ledger, fit)  # a finished one is only scored again
    assert trained == [1, 2, 2, 3]


@pytest.mark.parametrize("terminal", [True, False])
def test_progress_shows_the_fold_and_what_is_done_with_it(tmp_path: Path, terminal: bool) -> None:
    out, study = StringIO(), study_of()
    ledger = Ledger(tmp_path / "run", study.identity, study.config)
    ledger.open(resume=False, replace=False)
    view = TrainingsView(Console(file=out, force_terminal=terminal, width=120), 3, TINY.steps)
    with view.shown():
        for stop in (after(8), after(1_000)):  # first in the training of the second fold, then never
            fit = fit_of(study, TINY, None, view, stop)
            with suppress(Stopped):
                evaluate(study, ledger, fit, view, stop)
    lines = [line.rstrip() for line in out.getvalue().splitlines()]
    if terminal:  # a bar, which shows the latest alone
        assert any("fold 3/3, from 2014-07-06T18:00:00: forecasting" in line and "100%" in line for line in lines)
        return
    times = ["2014-07-05T18:00:00", "2014-07-06T06:00:00", "2014-07-06T18:00:00"]
    said = [(1, "training"), (1, "forecasting"), (2, "training"), (1, "was done before"), (2, "training")]
    said += [(2, "forecasting"), (3, "training"), (3, "forecasting")]
    assert lines == [f"fold {fold}/3, from {times[fold - 1]}: {doing}" for fold, doing in said]


def test_what_was_begun_otherwise_is_not_gone_on_with(whole: tuple[Study, Path]) -> None:
    study, path = whole
    other = replace(study, settings=replace(FOLDS, gap=2))
    with pytest.raises(EvaluationError, match=r"begun with another folds: gap was 0, is 2\. Leave it as it was"):
        evaluated(other, path, resume=True)
    data = changed(study, lambda times: times == times[0])
    with pytest.raises(EvaluationError, match="begun with another data: it is not the same"):
        evaluated(data, path, resume=True)


def test_a_folder_in_use_or_an_absent_one_is_refused_by_name(whole: tuple[Study, Path], tmp_path: Path) -> None:
    study, path = whole
    with pytest.raises(EvaluationError, match="is not empty: go on with --resume, evaluate anew with --replace"):
        evaluated(study, path)
    with pytest.raises(EvaluationError, match="nothing to go on with"):
        evaluated(study, tmp_path / "nowhere", resume=True)


def test_damaged_forecasts_are_named(tmp_path: Path) -> None:
    study = study_of(replace(FOLDS, count=1), series=1)
    evaluated(study, tmp_path / "run")
    file = tmp_path / "run" / FORECASTS
    file.write_bytes(file.read_bytes()[:200])
    with pytest.raises(EvaluationError, match=r"forecasts.parquet is damaged .*--replace"):
        evaluated(study, tmp_path / "run", resume=True)
