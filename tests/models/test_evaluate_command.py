"""`gatecast evaluate` as it is typed: what it prints, what it writes, how it fails."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
from collections.abc import Callable
from dataclasses import replace
from html import unescape
from pathlib import Path

import polars as pl
import pytest
from click.testing import Result

from commands import evaluate as command_module
from commands.main import load
from commands.retyped import again_of
from commands.study import task_of
from models.evaluation.ledger import BY_SERIES, FORECASTS, IDENTITY, METRICS, PAGE, PLOTS
from models.training.run import CONFIG, Run
from tests.models.evaluations import COLUMNS, THREE, TINY, TWO, invoke, one_line, trained_in, write
from tests.models.runs import without_days_and_cool_down

Command = Callable[..., Result]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run, with its file beside it; tests that change either copy them first."""
    return trained_in(tmp_path_factory.mktemp("trained"))


@pytest.fixture(scope="module")
def whole(trained: Path) -> Result:
    """What an evaluation of the run in three folds printed; its folder lies beside the run."""
    return invoke("evaluate", trained / "run", "--out", trained / "whole", *THREE)


@pytest.fixture(autouse=True)
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")


def test_a_run_is_evaluated_on_its_own_file_read_as_it_was(trained: Path, whole: Result) -> None:
    out, result = trained / "whole", whole
    assert result.exit_code == 0, result.output
    for part in ("3 folds", "fold 3/3", "MASE", "seasonal naive, a day", "tested from", "80 %", "95 %"):
        assert part in result.output
    assert result.output.strip().endswith(f"gatecast export {trained / 'run'} --out {trained / 'run'}.bundle")
    for name in (FORECASTS, METRICS, BY_SERIES, PAGE, *PLOTS):
        assert (out / name).is_file(), name
    assert f"The page to read and to show: {out / PAGE}" in result.output
    metrics = json.loads((out / METRICS).read_text())
    assert metrics["settings"]["test_steps"] == 12  # a third of the 40 steps that the run held out, in whole horizons
    assert [entry["training"]["steps"] for entry in metrics["by_fold"]] == [2] * 3
    frame = pl.read_parquet(out / FORECASTS)
    assert set(frame["unique_id"]) == {"north", "south"}
    assert {"fold", "cutoff", "origin", "ds", "h", "y", "q0.025", "q0.5", "q0.975", "naive_24"} <= set(frame.columns)


@pytest.mark.parametrize("model", [("gru",), ("ensemble", "--members", "gru,bi-gru")], ids=["gru", "ensemble"])
def test_a_file_is_evaluated_without_a_run(trained: Path, tmp_path: Path, model: tuple[str, ...]) -> None:
    data = trained / "meters.csv"
    options = (*TINY, *COLUMNS, "--horizon", "12", "--model", *model, "--stride", "3", "--covariates", "none")
    window = ("--folds", "1", "--window", "sliding", "--size", "120", "--gap", "4", "--test-steps", "30")
    result = invoke("evaluate", data, "--out", tmp_path / "e", *options, *window)
    assert result.exit_code == 0, result.output
    assert "gatecast train" in result.output
    kept = json.loads((tmp_path / "e" / IDENTITY).read_text())["model"]
    assert kept["architecture"] == model[0]
    assert model[0] == "gru" or kept["members"] == ["gru", "bi-gru"]
    metrics = json.loads((tmp_path / "e" / METRICS).read_text())
    assert len(metrics["by_horizon"]) == 12
    assert metrics["overall"]["gatecast"]["forecasts"] == 2 * 7
    assert metrics["by_fold"][0]["training"]["readings"] == 2 * 120


def commands_of(page: Path) -> list[list[str]]:
    """What the page says to type, as words."""
    blocks = re.findall(r"<pre>(.*?)</pre>", page.read_text(), flags=re.DOTALL)
    return [shlex.split(line) for block in blocks for line in unescape(block).splitlines()]


def test_the_commands_on_the_page_say_the_files_and_options_of_this_evaluation(
    trained: Path, whole: Result, tmp_path: Path
) -> None:
    assert whole.exit_code == 0, whole.output
    run, out = trained / "run", trained / "whole"
    found = commands_of(out / PAGE)
    longer = ["gatecast", "evaluate", str(run), "--steps", "4", "--folds", "3", "--out", f"{out}-4-steps"]
    assert longer in found  # of two steps the last is the best
    assert found[-1] == ["gatecast", "export", str(run), "--out", f"{run}.bundle"]
    data = trained / "meters.csv"
    options = (*TINY, *COLUMNS, "--horizon", "6", "--folds", "1")
    assert invoke("evaluate", data, "--out", tmp_path / "e", *options).exit_code == 0
    found = commands_of(tmp_path / "e" / PAGE)
    assert found[-1][:4] == ["gatecast", "train", str(data), "--id"]
    for program, name, *rest in found:
        if program != "gatecast":
            continue
        params = load(name).make_context(name, rest).params
        if name in ("train", "tune"):
            assert (params["id_column"], params["time_column"], params["target_column"]) == ("meter", "when", "load")
            assert params["horizon"] == 6
    more = next(words for words in found if "--folds" in words)
    done = invoke(*more[1:-1], tmp_path / "five", "--steps", "2")
    assert done.exit_code == 0, done.output  # it is not only understood


def test_what_a_run_was_trained_with_is_trained_with_again(trained: Path, whole: Result, tmp_path: Path) -> None:
    assert whole.exit_code == 0, whole.output
    context = load("evaluate").make_context("evaluate", [str(trained / "run"), "--out", "e", "--folds", "2"])
    task = task_of(str(trained / "run"), None, {}, {}, {}, {"count": 2, "refit": True})
    again = again_of(context, task, str(trained / "run"), None, Path("e"))
    train, evaluate = again.changed({"--dropout": "0.3"}, "dropout").splitlines()
    words = shlex.split(train)[1:-1]
    done = invoke(*words, tmp_path / "other")
    assert done.exit_code == 0, done.output
    one, other = (Run.open(path) for path in (trained / "run", tmp_path / "other"))
    assert other.config == replace(one.config, dropout=0.3)
    assert other.settings == one.settings
    assert other.data.digest == one.data.digest
    assert evaluate == f"gatecast evaluate {trained / 'run'}-dropout --test-steps 18 --folds 2 --out e-dropout"


def test_what_a_run_held_out_is_held_out_again(trained: Path, tmp_path: Path) -> None:
    data, options = trained / "meters.csv", ("--horizon", "6", "--test-steps", "24", *TINY, *COLUMNS)
    assert invoke("train", data, "--out", tmp_path / "run", *options).exit_code == 0
    run = str(tmp_path / "run")
    context = load("evaluate").make_context("evaluate", [run, "--out", "e", "--folds", "2"])
    task = task_of(run, None, {}, {}, {}, {"count": 2, "refit": True})
    again = again_of(context, task, run, None, Path("e"))
    assert "--test-steps 24" in again.tuned(6)
    train, _ = again.changed({"--dropout": "0.3"}, "dropout").splitlines()
    assert invoke(*shlex.split(train)[1:-1], tmp_path / "other").exit_code == 0
    assert Run.open(tmp_path / "other").data == Run.open(tmp_path / "run").data


def test_without_refit_the_runs_own_weights_are_tested_where_it_held_out(trained: Path, tmp_path: Path) -> None:
    result = invoke("evaluate", trained / "run", "--no-refit", "--folds", "2", "--out", tmp_path / "e")
    assert result.exit_code == 0, result.output
    run = Run.open(trained / "run")
    metrics = json.loads((tmp_path / "e" / METRICS).read_text())
    assert metrics["by_fold"][0]["training"] == {}
    assert metrics["overall"]["gatecast"]["mase"] == pytest.approx(run.metrics()["test"]["mase"], rel=0.5)
    late = invoke("evaluate", trained / "run", "--no-refit", "--folds", "8", "--out", tmp_path / "f")
    assert late.exit_code == 1
    assert "folds 1, 2 of 8 would be tested on readings that the run has learned from" in one_line(late)
    assert "take --folds 6" in one_line(late)
    assert not (tmp_path / "f").exists()


def test_without_refit_newer_readings_of_the_same_file_are_unseen(trained: Path, tmp_path: Path) -> None:
    data = write(tmp_path / "grown.csv", 430)
    result = invoke("evaluate", trained / "run", data, "--no-refit", "--folds", "11", "--out", tmp_path / "e")
    assert result.exit_code == 0, result.output  # 66 steps: the 30 newer ones, and 36 of the 40 held out then
    other = tmp_path / "other.csv"
    other.write_text(data.read_text().replace("north,2024-05-01T00:00:00,", "north,2024-05-01T00:00:00,1"))
    refused = invoke("evaluate", trained / "run", other, "--no-refit", "--folds", "11", "--out", tmp_path / "f")
    assert "without --refit a fold may begin at 2024-05-17T15:00:01 at the earliest" in one_line(refused)


def test_a_file_that_is_not_the_same_any_more_must_be_named(trained: Path, tmp_path: Path) -> None:
    shutil.copytree(trained / "run", tmp_path / "run")
    config = tmp_path / "run" / CONFIG
    data = write(tmp_path / "meters.csv", 380)
    config.write_text(config.read_text().replace(str(trained / "meters.csv"), str(data)))
    result = invoke("evaluate", tmp_path / "run", "--out", tmp_path / "e", *TWO)
    assert result.exit_code == 1
    assert f"{data} is no longer what {tmp_path / 'run'} was trained on" in one_line(result)
    named = invoke("evaluate", tmp_path / "run", data, "--out", tmp_path / "e", *TWO)
    assert named.exit_code == 0, named.output
    data.unlink()
    absent = invoke("evaluate", tmp_path / "run", "--out", tmp_path / "f", *TWO)
    assert f"{data}, is not there: say where it is: gatecast evaluate {tmp_path / 'run'} DATA" in one_line(absent)


def test_a_run_of_an_earlier_version_says_no_file_and_is_evaluated_on_one(trained: Path, tmp_path: Path) -> None:
    shutil.copytree(trained / "run", tmp_path / "run")
    config = json.loads((tmp_path / "run" / CONFIG).read_text())
    del config["reading"]
    (tmp_path / "run" / CONFIG).write_text(json.dumps(config))
    silent = invoke("evaluate", tmp_path / "run", "--out", tmp_path / "e", *TWO)
    assert "meters.csv, is not there: say where it is" in one_line(silent)
    data = trained / "meters.csv"
    result = invoke("evaluate", tmp_path / "run", data, "--out", tmp_path / "e", *TWO, *COLUMNS)
    assert result.exit_code == 0, result.output


def test_ctrl_c_keeps_the_folds_done_and_resume_goes_on(
    trained: Path, whole: Result, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert whole.exit_code == 0, whole.output
    options = ("evaluate", trained / "run", *THREE)
    said = command_module.console.print

    def print_and_press(*words: object, **how: object) -> None:
        said(*words, **how)  # type: ignore[arg-type]
        if str(words[0]).startswith("fold 2/3"):
            os.kill(os.getpid(), signal.SIGINT)

    with monkeypatch.context() as context:
        context.setattr(command_module.console, "print", print_and_press)
        stopped = invoke(*options, "--out", tmp_path / "stopped")
    assert stopped.exit_code == 130
    assert "1 of 3 folds are done and kept: --resume goes on" in one_line(stopped)
    resumed = invoke(*options, "--out", tmp_path / "stopped", "--resume")
    assert resumed.exit_code == 0, resumed.output
    assert "fold 1/3, from 2024-05-16T04:00:00: was done before" in resumed.output
    for name in (METRICS, FORECASTS):
        assert (tmp_path / "stopped" / name).read_bytes() == (trained / "whole" / name).read_bytes()
    assert not list((tmp_path / "stopped").glob("fold-*.parquet")), "the forecasts are kept once"
    other = invoke(*options, "--out", tmp_path / "stopped", "--resume", "--seed", "7")
    assert "begun with another training: seed was 0, is 7" in one_line(other)
    again = invoke(*options, "--out", tmp_path / "stopped")
    assert "is not empty: go on with --resume, evaluate anew with --replace" in one_line(again)
    assert invoke(*options, "--out", tmp_path / "stopped", "--replace", "--seed", "7").exit_code == 0


@pytest.mark.parametrize("of", ["run", "meters.csv"])
def test_a_folder_that_was_begun_before_the_cool_down_goes_on_as_it_was_begun(
    trained: Path, tmp_path: Path, of: str
) -> None:
    options = TWO if of == "run" else (*TINY, *COLUMNS, "--horizon", "6", "--folds", "2")
    words = ("evaluate", trained / of, *options, "--steps", "10", "--out", tmp_path / "e")
    assert invoke(*words).exit_code == 0
    without_days_and_cool_down(tmp_path / "e" / IDENTITY)
    before = (tmp_path / "e" / METRICS).read_bytes()
    (tmp_path / "e" / PAGE).unlink()
    result = invoke(*words, "--resume")
    assert result.exit_code == 0, result.output
    assert (tmp_path / "e" / PAGE).is_file()
    assert (tmp_path / "e" / METRICS).read_bytes() == before
    for fold in (1, 2):  # as if it had been stopped: no training of it cools down
        (tmp_path / "e" / f"fold-{fold}.parquet").unlink(missing_ok=True)
    (tmp_path / "e" / FORECASTS).unlink()
    assert invoke(*words, "--resume").exit_code == 0
    trainings = [fold["training"] for fold in json.loads((tmp_path / "e" / METRICS).read_text())["by_fold"]]
    assert [training["cooled"] for training in trainings] == [False, False]
    refused = invoke(*words, "--resume", "--seed", "7")
    assert "begun with another training: seed was 0, is 7. Leave" in one_line(refused)
