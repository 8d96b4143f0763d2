"""`gatecast compare` and `gatecast gradients` as they are typed: what they print, write and refuse."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from commands.gradients import NUMBERS, PLOT
from commands.main import app
from models.comparison import measuring
from models.comparison.folder import IDENTITY, PAGE, PARTS, REPORT
from tests.conftest import daily_wave
from tests.models.runs import without_days_and_cool_down

OPTIONS = ("--hidden", "4", "--layers", "1", "--batch", "2", "--steps", "2", "--lags", "4,24", "--shortest", "8")
SMALL = (*OPTIONS, "--longest", "24", "--horizon", "6", "--lengths", "10,20")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("meters") / "meters.csv"
    hours = (f"2024-05-{1 + hour // 24:02d}T{hour % 24:02d}:00:00" for hour in range(300))
    rows = [f"{when},{value:.3f}" for when, value in zip(hours, daily_wave(300), strict=True)]
    file.write_text("\n".join(["ds,y", *rows]))
    return file


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "120")


def invoke(*words: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


def one_line(result: Result) -> str:
    return " ".join(result.output.split())


def test_compare_writes_a_report_and_ends_with_a_recommendation(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "c"
    result = invoke("compare", data, *SMALL, "--seeds", "2", "--no-serving", "--out", out)
    assert result.exit_code == 0, result.output
    for part in ("gru, seed 1: training", "of them recurrent", "a GRU trains 10–15 % faster", "Take ", str(out / PAGE)):
        assert part in result.output
    report: dict[str, Any] = json.loads((out / REPORT).read_text())
    assert report["recommendation"]["text"] in one_line(result)
    assert report["models"]["gru"]["serving"] == {}
    assert report["budget"]["seeds"] == 2
    again = invoke("compare", data, *SMALL, "--seeds", "2", "--no-serving", "--out", out, "--resume")
    assert again.exit_code == 0, again.output
    assert "training" not in again.output.split("Held-out end")[0].split("keeps what is done")[1]
    assert json.loads((out / REPORT).read_text())["models"] == report["models"]


def test_a_comparison_that_was_begun_before_the_cool_down_goes_on_without(data: Path, tmp_path: Path) -> None:
    words = ("compare", data, *SMALL, "--steps", "10", "--seeds", "1", "--no-serving", "--out", tmp_path / "c")
    assert invoke(*words).exit_code == 0
    without_days_and_cool_down(tmp_path / "c" / IDENTITY)
    for part in (tmp_path / "c" / PARTS).glob("lstm*"):
        part.unlink()
    result = invoke(*words, "--resume")
    assert result.exit_code == 0, result.output
    assert json.loads((tmp_path / "c" / PARTS / "lstm-0.json").read_text())["cooled"] is False


def test_ctrl_c_keeps_the_trainings_that_are_done(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The signal comes while the second model trains, as a person would send it."""
    import os
    import signal

    whole = measuring.refit
    begun: list[str] = []

    def refit(panel: Any, config: Any, *rest: Any) -> Any:
        begun.append(config.architecture)
        if len(begun) == 2:
            os.kill(os.getpid(), signal.SIGINT)
        return whole(panel, config, *rest)

    monkeypatch.setattr(measuring, "refit", refit)
    options = (data, *SMALL, "--seeds", "1", "--no-serving", "--out", tmp_path / "c")
    stopped = invoke("compare", *options)
    assert stopped.exit_code == 130, stopped.output
    assert "--resume goes on" in one_line(stopped)
    assert not (tmp_path / "c" / REPORT).exists()
    result = invoke("compare", *options, "--resume")
    assert result.exit_code == 0, result.output
    assert begun == ["gru", "lstm", "lstm"]
    assert "two or more are needed" in one_line(result)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--models", "gru"), "expected two different models or more, got gru"),
        (("--models", "gru,crystal-ball"), "unknown architecture 'crystal-ball'"),
        (("--lengths", "20,x"), "--lengths takes whole numbers"),
        (("--target", "missing"), "there is no column"),
        (("--resume",), "nothing to go on with"),
        (("--lags", "4,400"), "expected at least one context of 400 steps"),
    ],
)
def test_faults_of_a_comparison(data: Path, tmp_path: Path, options: tuple[str, ...], message: str) -> None:
    result = invoke("compare", data, *SMALL, "--out", tmp_path / "c", *options)
    assert result.exit_code == 1
    assert message in one_line(result)
    assert not (tmp_path / "c").exists()


def test_a_folder_that_is_taken_is_not_written_to(data: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("mine")
    result = invoke("compare", data, *SMALL, "--out", tmp_path)
    assert result.exit_code == 1
    assert "is not empty" in one_line(result)
    result = invoke("compare", data, *SMALL, "--out", tmp_path / "mine")
    assert "cannot be written" in one_line(result)
    assert (tmp_path / "mine").read_text() == "mine"


def test_gradients_are_shown_on_noise_and_on_data_before_and_after_training(data: Path, tmp_path: Path) -> None:
    result = invoke("gradients", "--hidden", "8", "--length", "40", "--out", tmp_path / "noise")
    assert result.exit_code == 0, result.output
    numbers = json.loads((tmp_path / "noise" / NUMBERS).read_text())
    assert [found["model"] for found in numbers["networks"]] == ["rnn", "gru", "lstm"]
    assert [len(found["norms"]) for found in numbers["networks"]] == [41] * 3
    assert (tmp_path / "noise" / PLOT).stat().st_size > 10_000
    assert "half-life" in result.output
    options = ("--models", "rnn,lstm", "--steps", "2", "--length", "20", "--hidden", "4", "--lags", "4,24")
    result = invoke("gradients", data, *options, "--horizon", "6", "--out", tmp_path / "data")
    assert result.exit_code == 0, result.output
    numbers = json.loads((tmp_path / "data" / NUMBERS).read_text())
    assert [found["when"] for found in numbers["networks"]] == ["at the start"] * 2 + ["after 2 steps"] * 2
    norms = {(found["model"], found["when"]): found["norms"] for found in numbers["networks"]}
    assert norms["lstm", "at the start"] != norms["lstm", "after 2 steps"]


def test_gradients_take_the_columns_that_train_takes(data: Path, tmp_path: Path) -> None:
    """A column of text is left out by name, and what is known ahead and static enters the features."""
    head, *lines = data.read_text().splitlines()
    table = tmp_path / "meters.csv"
    table.write_text(
        "\n".join([f"{head},price,note,area", *(f"{line},{at % 5},calm,3" for at, line in enumerate(lines))])
    )
    options = (table, "--models", "gru", "--length", "20", "--hidden", "4", "--lags", "4,24", "--horizon", "6")
    refused = invoke("gradients", *options, "--out", tmp_path / "a")
    assert refused.exit_code == 1
    assert "name the covariates to keep with --covariates" in one_line(refused)
    found = {}
    for name, columns in (("none", ()), ("price", ("--future", "price")), ("area", ("--static", "area"))):
        covariates = ("--covariates", "price" if name == "price" else "none")
        result = invoke("gradients", *options, *covariates, *columns, "--out", tmp_path / name)
        assert result.exit_code == 0, result.output
        found[name] = json.loads((tmp_path / name / NUMBERS).read_text())["networks"][0]["norms"]
    assert found["none"] != found["price"]
    assert found["none"] != found["area"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--steps", "3"), "--steps trains on DATA"),
        (("--future", "price"), "options of data say how DATA is read"),
        (("--models", "bi-gru"), "bi-gru is not one network that goes step by step"),
        (("--models", "none"), "--models names no architecture"),
        (("--models", "gpt"), "unknown architecture 'gpt'"),
    ],
)
def test_faults_of_gradients(tmp_path: Path, options: tuple[str, ...], message: str) -> None:
    result = invoke("gradients", "--length", "4", "--out", tmp_path / "g", *options)
    assert result.exit_code == 1
    assert message in one_line(result)
    assert not (tmp_path / "g").exists()


def test_the_commands_import_torch_only_when_they_run() -> None:
    import subprocess
    import sys

    code = "import sys, commands.compare, commands.gradients; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
