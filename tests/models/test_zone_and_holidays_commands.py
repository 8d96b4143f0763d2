"""`--zone` and `--holidays` as they are typed: what a run keeps of them, and every command that reads data or a run."""

from __future__ import annotations

import json
import shlex
import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from click.testing import Result
from typer.testing import CliRunner

from commands.main import app, load
from commands.retyped import again_of
from commands.study import task_of
from models.training.run import CONFIG, Run
from tests.conftest import daily_wave

BERLIN = ZoneInfo("Europe/Berlin")
START = datetime(2024, 3, 20, 23, tzinfo=UTC)  # eleven days before the clocks change
HOURS = 450
TINY = ("--hidden", "4", "--layers", "1", "--batch", "2", "--steps", "8", "--lags", "4,24")
SPACE = """
rate = { choices = [0.002, 0.01] }
hidden = 4
layers = 1
lags = [24]
batch = 2
shortest = 8
longest = 24
"""
CALENDAR = ("--zone", "Europe/Berlin", "--holidays")


def written(path: Path, hours: int) -> Path:
    """An hourly series in the local time of Berlin, without offsets."""
    times = [(START + timedelta(hours=at)).astimezone(BERLIN) for at in range(hours)]
    rows = [f"{when:%Y-%m-%dT%H:%M:%S},{value:.3f}" for when, value in zip(times, daily_wave(hours), strict=True)]
    path.write_text("\n".join(["ds,y", *rows]), encoding="utf-8")
    return path


def invoke(*words: object) -> Result:
    return CliRunner(env={"COLUMNS": "200"}).invoke(app, [str(word) for word in words])


def said(result: Result) -> str:
    return " ".join(result.output.split())


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file, a shop's own days, and a run that knows Germany's holidays and the shop's."""
    place = tmp_path_factory.mktemp("berlin")
    data = written(place / "meters.csv", HOURS)
    (place / "shop.csv").write_text("date,name\n2024-03-25,sale\n2024-04-05,sale\n2024-04-09,sale\n", encoding="utf-8")
    days = f"DE,{place / 'shop.csv'}"
    result = invoke("train", data, "--horizon", "6", "--out", place / "run", *TINY, *CALENDAR, days)
    assert result.exit_code == 0, result.output
    assert "Holidays: DE, shop.csv until 2024-04-09." in result.output
    return place


def test_a_run_keeps_the_days_and_not_where_they_came_from(place: Path) -> None:
    run = Run.open(place / "run")
    holidays = run.config.holidays
    assert holidays is not None
    assert holidays.names == ("DE", "shop.csv")
    assert {"2024-03-29", "2024-04-01"} <= set(holidays.dates[0])
    assert holidays.dates[1] == ("2024-03-25", "2024-04-05", "2024-04-09")
    assert run.config.calendar_zone == "Europe/Berlin"
    assert run.reading is not None
    assert (run.reading["zone"], "holidays" in run.reading) == ("Europe/Berlin", False)
    assert str(place / "shop.csv") not in (place / "run" / CONFIG).read_text()


def test_a_stopped_run_goes_on_with_the_days_it_has_and_with_no_others(place: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(place / "run", run)
    again = (
        "train",
        place / "meters.csv",
        "--horizon",
        "6",
        "--out",
        run,
        *TINY,
        "--zone",
        "Europe/Berlin",
        "--resume",
    )
    result = invoke(*again)
    assert result.exit_code == 0, result.output
    assert Run.open(run).config == Run.open(place / "run").config
    for days, why in (
        ("DE", r"they were DE, shop.csv until 2024-04-09, are DE until 2039-12-31"),
        (f"DE,{tmp_path / 'shop.csv'}", "their dates are not the same any more"),
    ):
        (tmp_path / "shop.csv").write_text("2024-03-25\n2024-04-09\n", encoding="utf-8")
        result = invoke(*again, "--holidays", days)
        assert result.exit_code == 1
        assert f"--holidays: {why}. Leave it out to go on" in said(result)


def test_other_data_can_be_gone_on_to_with_the_same_holidays_and_without_them_not(place: Path, tmp_path: Path) -> None:
    longer = written(tmp_path / "longer.csv", HOURS + 24)
    (tmp_path / "shop.csv").write_text("2024-04-05\n2024-05-09\n", encoding="utf-8")
    words = ("train", longer, "--horizon", "6", "--from", place / "run", "--zone", "Europe/Berlin", "--out")
    result = invoke(*words, tmp_path / "on", "--steps", "2", "--holidays", f"DE,{tmp_path / 'shop.csv'}")
    assert result.exit_code == 0, result.output
    assert str(Run.open(tmp_path / "on").config.holidays) == "DE, shop.csv until 2024-05-09"
    result = invoke(*words, tmp_path / "without")
    assert result.exit_code == 1
    assert "holidays are DE, shop.csv there and none here" in said(result)


@pytest.mark.parametrize("how", [("--no-refit",), ("--steps", "2")])
def test_a_run_is_evaluated_by_its_own_clock_and_days(place: Path, tmp_path: Path, how: tuple[str, ...]) -> None:
    result = invoke("evaluate", place / "run", "--folds", "2", "--out", tmp_path / "e", *how)
    assert result.exit_code == 0, result.output
    model = json.loads((tmp_path / "e" / "evaluation.json").read_text())["model"]
    assert model["holidays"]["names"] == ["DE", "shop.csv"]
    again = invoke("evaluate", place / "run", "--folds", "2", "--out", tmp_path / "e", *how, "--resume")
    assert again.exit_code == 0, again.output


def test_advice_to_train_a_run_otherwise_trains_with_its_clock_and_days(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = str(place / "run")
    context = load("evaluate").make_context("evaluate", [run, "--out", "e", "--folds", "1"])
    task = task_of(run, None, {}, {}, {}, {"count": 1, "refit": True})
    train, _ = again_of(context, task, run, None, Path("e")).changed({"--dropout": "0.3"}, "dropout").splitlines()
    monkeypatch.chdir(place)  # where the file of days is; the run knows its name alone
    result = invoke(*shlex.split(train)[1:-1], tmp_path / "other")
    assert result.exit_code == 0, result.output
    assert Run.open(tmp_path / "other").config == replace(Run.open(place / "run").config, dropout=0.3)


def test_newer_data_than_the_days_are_known_for_are_evaluated_with_a_warning(place: Path, tmp_path: Path) -> None:
    newer = written(tmp_path / "newer.csv", HOURS + 48)
    result = invoke("evaluate", place / "run", newer, "--folds", "1", "--no-refit", "--out", tmp_path / "e")
    assert result.exit_code == 0, result.output
    assert "--holidays: known until 2024-04-09, and the data go on: later days are taken for ordinary" in said(result)
    refused = invoke("evaluate", place / "run", "--holidays", "DE", "--out", tmp_path / "f")
    assert refused.exit_code == 1
    assert "--holidays: a run knows its own. Leave it out" in said(refused)
    refused = invoke("evaluate", place / "run", newer, "--zone", "Asia/Tokyo", "--out", tmp_path / "f")
    assert refused.exit_code == 1
    assert "expected a calendar of Europe/Berlin" in said(refused)


def test_a_file_is_evaluated_with_the_clock_and_the_days_that_are_typed(place: Path, tmp_path: Path) -> None:
    words = ("evaluate", place / "meters.csv", "--horizon", "6", "--folds", "1", "--out", tmp_path / "e", *TINY)
    result = invoke(*words, *CALENDAR, "DE")
    assert result.exit_code == 0, result.output
    model = json.loads((tmp_path / "e" / "evaluation.json").read_text())["model"]
    assert (model["calendar_zone"], model["holidays"]["until"]) == ("Europe/Berlin", "2039-12-31")
    other = invoke(*words, "--zone", "Europe/Berlin", "--resume")
    assert other.exit_code == 1
    assert "holidays was DE until 2039-12-31, is None" in said(other)


def test_a_search_keeps_to_the_clock_and_the_days_and_says_them_in_the_command_that_trains(
    place: Path, tmp_path: Path
) -> None:
    space = tmp_path / "space.toml"
    space.write_text(SPACE)
    words = ("tune", place / "meters.csv", "--horizon", "6", "--space", space, "--out", tmp_path / "s")
    words = (*words, "--trials", "1", "--steps", "3", "--zone", "Europe/Berlin")
    result = invoke(*words, "--holidays", "DE-BE")
    assert result.exit_code == 0, result.output
    assert "--zone Europe/Berlin --holidays DE-BE" in said(result)
    model = json.loads((tmp_path / "s" / "best.json").read_text())["model"]
    assert (model["calendar_zone"], model["holidays"]["names"]) == ("Europe/Berlin", ["DE-BE"])
    other = invoke(*words, "--resume")
    assert other.exit_code == 1
    assert "holidays was DE-BE until 2039-12-31, is None" in said(other)
    space.write_text('holidays = ["DE"]\n')
    refused = invoke("tune", place / "meters.csv", "--horizon", "6", "--space", space, "--out", tmp_path / "t")
    assert "--holidays decides them" in said(refused)


def test_architectures_are_compared_by_the_clock_and_with_the_days(place: Path, tmp_path: Path) -> None:
    small = ("--hidden", "4", "--layers", "1", "--batch", "2", "--steps", "2", "--lags", "4,24", "--shortest", "8")
    words = ("compare", place / "meters.csv", "--horizon", "6", "--longest", "24", "--lengths", "10", *small)
    words = (*words, "--seeds", "1", "--no-serving", "--out", tmp_path / "c", "--zone", "Europe/Berlin")
    result = invoke(*words, "--holidays", "DE")
    assert result.exit_code == 0, result.output
    model = json.loads((tmp_path / "c" / "comparison.json").read_text())["model"]
    assert (model["calendar_zone"], model["holidays"]["names"]) == ("Europe/Berlin", ["DE"])
    other = invoke(*words, "--resume")
    assert other.exit_code == 1
    assert "holidays was DE until 2039-12-31, is None" in said(other)


def test_gradients_are_looked_at_on_features_with_both(place: Path, tmp_path: Path) -> None:
    words = ("gradients", place / "meters.csv", "--models", "gru", "--length", "10", "--hidden", "4", "--lags", "24")
    result = invoke(*words, "--out", tmp_path / "g", *CALENDAR, "DE")
    assert result.exit_code == 0, result.output
    refused = invoke("gradients", "--out", tmp_path / "h", "--holidays", "DE")
    assert refused.exit_code == 1
    assert "options of data say how DATA is read" in said(refused)


def test_the_doctor_reads_such_a_run(place: Path) -> None:
    result = invoke("doctor", place / "run", "--json")
    assert result.exit_code in (0, 1), result.output
    assert json.loads(result.output)["ended"] is True
