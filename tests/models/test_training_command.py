"""`gatecast train` as it is typed: what it prints, what it writes, how it fails."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from commands.main import app
from models.training.batching import BATCHINGS
from models.training.precision import PRECISIONS
from models.training.run import Run
from models.training.schedule import SCHEDULES
from tests.conftest import daily_wave
from tests.models.runs import as_the_first_version_left_it

Command = Callable[..., Result]
SMALL = ("--hidden", "8", "--batch", "2", "--steps", "4")


@pytest.fixture(scope="module")
def csv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two hourly series of three weeks, with a covariate."""
    path = tmp_path_factory.mktemp("data") / "waves.csv"
    lines = ["unique_id,ds,y,temperature"]
    for name in ("north", "south"):
        for hour, value in enumerate(daily_wave(500, seed=len(name))):
            day = f"2024-05-{1 + hour // 24:02d}T{hour % 24:02d}:00:00"
            lines.append(f"{name},{day},{value:.3f},{hour % 24}")
    path.write_text("\n".join(lines))
    return path


@pytest.fixture
def command(csv: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    monkeypatch.setenv("COLUMNS", "80")

    def run(*options: str, data: str = str(csv)) -> Result:
        return CliRunner().invoke(app, ["train", data, *options])

    return run


def test_the_last_thing_printed_is_the_table_and_the_next_command(command: Command, tmp_path: Path) -> None:
    out = tmp_path / "run"
    result = command("--horizon", "12", "--out", str(out), *SMALL)
    assert result.exit_code == 0, result.output
    for part in ("MASE", "sMAPE", "80 % band", "gatecast", "seasonal naive, a day", "seasonal naive, a week"):
        assert part in result.output
    assert result.output.strip().endswith(f"gatecast export {out} --out {out}.bundle")
    run = Run.open(out)
    assert run.config.covariates == ("temperature",)
    assert (run.config.hidden, run.config.horizon, run.config.lags) == (8, 12, (24, 168))
    assert (run.data.series, run.data.test_steps, run.data.source) == (2, 50, "waves.csv")


def test_options_reach_the_run(command: Command, tmp_path: Path) -> None:
    options = ("--covariates", "none", "--lags", "12, 24", "--layers", "1", "--dropout", "0", "--seed", "7")
    more = ("--rate", "0.004", "--clip", "0.5", "--test-steps", "30", "--validation-steps", "24", "--freq", "1h")
    result = command("--horizon", "6", "--out", str(tmp_path / "run"), *SMALL, *options, *more)
    assert result.exit_code == 0, result.output
    run = Run.open(tmp_path / "run")
    assert (run.config.lags, run.config.layers, run.config.dropout, run.config.covariates) == ((12, 24), 1, 0.0, ())
    assert (run.settings.seed, run.settings.rate, run.settings.batch, run.settings.steps) == (7, 0.004, 2, 4)
    assert run.settings.clip == 0.5
    assert (run.data.test_steps, run.data.validation_steps) == (30, 24)


def test_every_option_of_training_reaches_the_run(command: Command, tmp_path: Path) -> None:
    given = {
        **{"batching": "steps", "shortest": 9, "longest": 30, "batch_steps": 60, "accumulate": 2},
        **{"stride": 3, "jitter": 0.02, "warp": 0.03, "mask": 0.04},
        **{"schedule": "onecycle", "warm_up": 1, "decay": 0.2, "patience": 3, "precision": "float32"},
    }
    options = [part for name, value in given.items() for part in (f"--{name.replace('_', '-')}", str(value))]
    result = command("--horizon", "6", "--out", str(tmp_path / "run"), *SMALL, *options, "--device", "cpu")
    assert result.exit_code == 0, result.output
    settings = Run.open(tmp_path / "run").settings.to_dict()
    assert {name: settings[name] for name in given} == given


def test_the_help_names_every_strategy_schedule_and_precision(command: Command) -> None:
    said = command("--help", data="").output
    for names in (BATCHINGS, SCHEDULES, PRECISIONS):
        for name in names:
            assert name in said


def test_a_run_is_not_overwritten_unasked(command: Command, tmp_path: Path) -> None:
    out = ("--horizon", "6", "--out", str(tmp_path / "run"), *SMALL)
    assert command(*out).exit_code == 0
    again = command(*out)
    assert again.exit_code == 1
    assert "is not empty: go on with --resume, train anew with --replace" in " ".join(again.output.split())
    assert command(*out, "--replace", "--seed", "1").exit_code == 0
    assert Run.open(tmp_path / "run").settings.seed == 1


def test_resume_takes_the_options_of_the_run(command: Command, tmp_path: Path) -> None:
    out = tmp_path / "run"
    assert command("--horizon", "6", "--out", str(out), *SMALL).exit_code == 0
    before = (out / "weights.safetensors").read_bytes()
    result = command("--horizon", "6", "--out", str(out), "--resume")
    assert result.exit_code == 0, result.output
    assert (out / "weights.safetensors").read_bytes() == before
    other = command("--horizon", "6", "--out", str(out), "--resume", "--steps", "9")
    assert other.exit_code == 1
    assert "steps was 4, is 9" in other.output


def test_a_folder_of_the_first_version_can_be_gone_on_with_examined_and_evaluated(
    command: Command, csv: Path, tmp_path: Path
) -> None:
    """It has no word of the decoder, the curve and the spread that came later: what it was trained with was none."""
    out, then = tmp_path / "run", tmp_path / "then.json"
    model = {"frequency": "1h", "horizon": 6, "lags": [4, 24], "offset": 0.0, "spread": [0.0, 0.0], "decoder": "plain"}
    then.write_text(json.dumps({"format": 1, "model": {**model, "hidden": 8}, "training": {"batch": 2, "steps": 8}}))
    typed = ("--horizon", "6", "--out", str(out))
    first = command(*typed, "--config", str(then))
    assert first.exit_code == 0, first.output
    before, config = (out / "weights.safetensors").read_bytes(), Run.open(out).config
    as_the_first_version_left_it(out)
    result = command(*typed, "--resume")
    assert result.exit_code == 0, result.output
    assert (out / "weights.safetensors").read_bytes() == before
    assert Run.open(out).config == config
    assert CliRunner().invoke(app, ["doctor", str(out)]).exit_code in (0, 1)
    evaluate = ["evaluate", str(out), "--no-refit", "--folds", "1", "--out", str(tmp_path / "folds")]
    unknown = CliRunner().invoke(app, evaluate)
    assert "say where it is" in " ".join(unknown.output.split())  # the first version did not keep it
    result = CliRunner().invoke(app, [*evaluate, str(csv)])
    assert result.exit_code == 0, result.output


def test_better_than_the_naive_can_be_required(command: Command, tmp_path: Path) -> None:
    result = command(
        "--horizon", "6", "--out", str(tmp_path / "run"), *SMALL, "--rate", "0.0000001", "--require-better"
    )
    assert Run.open(tmp_path / "run").metrics()["beats_seasonal_naive"] is False
    assert result.exit_code == 1
    assert "The seasonal naive is better" in result.output


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--lags", "a day"), "--lags takes whole numbers"),
        (("--rate", "2"), "the rate must lie between 0 and 1"),
        (("--batching", "random"), "unknown batching 'random'; choose among crops, pad, truncate, bucket, steps"),
        (("--schedule", "linear"), "unknown schedule 'linear'"),
        (("--precision", "float16"), "precision float16 is for CUDA alone"),
        (("--device", "tpu"), "unknown device 'tpu'; choose among cpu, cuda"),
        (("--clip", "0"), "the longest gradient (clip) must be above 0"),
        (("--covariates", "humidity"), "humidity"),
        (("--resume",), "is no run"),
        (("--test-steps", "490"), "steps to train on"),
        (("--test-steps", "5"), "expected a horizon of 6 steps held out"),
        (("--lags", "24,600"), "expected at least one context of 600 steps in one series"),
    ],
)
def test_faults_end_in_one_line_and_exit_1(
    command: Command, tmp_path: Path, options: tuple[str, ...], message: str
) -> None:
    result = command("--horizon", "6", "--out", str(tmp_path / "run"), *SMALL, *options)
    assert result.exit_code == 1
    assert message in " ".join(result.output.split())
    assert "Traceback" not in result.output


def test_a_folder_that_cannot_be_written_is_named(command: Command, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    for out in ("file", "file/run"):
        result = command("--horizon", "6", "--out", str(tmp_path / out), *SMALL)
        assert result.exit_code == 1
        assert f"{tmp_path / out} cannot be written" in " ".join(result.output.split())
    assert (tmp_path / "file").read_text() == "mine"


def test_brackets_in_names_and_cells_are_shown_as_they_are(command: Command, tmp_path: Path) -> None:
    data = tmp_path / "[b]readings.csv"
    data.write_text("ds,y\n2024-05-01,1\n2024-05-02,[/bold]\n")
    result = command("--horizon", "1", "--out", str(tmp_path / "run"), data=str(data))
    assert result.exit_code == 1
    assert "[b]readings.csv, line 3: expected a number in the column 'y', got '[/bold]'" in " ".join(
        result.output.split()
    )


def test_an_absent_file_is_named(command: Command, tmp_path: Path) -> None:
    result = command("--horizon", "6", "--out", str(tmp_path / "run"), data="nowhere.csv")
    assert result.exit_code == 1
    assert "nowhere.csv" in result.output


def test_a_target_that_never_changes_has_no_scale_for_an_error_and_that_is_said(
    command: Command, tmp_path: Path
) -> None:
    data = tmp_path / "still.csv"
    rows = (f"2024-05-{1 + hour // 24:02d}T{hour % 24:02d}:00:00,7" for hour in range(200))
    data.write_text("\n".join(["ds,y", *rows]))
    result = command("--horizon", "3", "--lags", "24", "--out", str(tmp_path / "run"), *SMALL, data=str(data))
    assert result.exit_code == 0, result.output
    assert "There is no MASE to compare: errors are scaled by how readings 24 steps apart differ" in result.output
    assert "seasonal naive, a day" in result.output
    assert "There is no seasonal naive" not in result.output
    assert "--steps" not in result.output
