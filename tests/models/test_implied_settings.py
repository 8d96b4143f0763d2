"""What readings imply of a configuration, each training implies from its own: no fold knows what later ones say."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import Result
from typer.testing import CliRunner

from commands.main import app
from datasets.frequency import Frequency
from models.config import YEAR, ForecasterConfig
from models.evaluation.panel import Panel, Stretch
from models.training.recipe import Recipe, write_recipe
from models.training.run import CONFIG, Run
from models.training.settings import TrainingSettings
from models.training.trainer import resolved
from tests.conftest import START, small_config

CHANGED, LENGTH, DAY = 600, 1200, 86_400
SMALL = ("--steps", "2", "--batch", "2")
FOLDS = ("--folds", "2", "--test-steps", "320", "--stride", "160")  # cutoffs after 560 and 880 readings


def series() -> np.ndarray:
    """Changes of one size at first, relative ones from a moment on, (1200,)."""
    hours, random = np.arange(LENGTH), np.random.default_rng(0)
    rhythm, noise = np.sin(2 * np.pi * hours / 24), random.normal(size=LENGTH)
    return np.where(hours < CHANGED, 300 + 100 * rhythm + 5 * noise, 300 * np.exp(rhythm + 0.1 * noise))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The series as a file, and a run on it with what it implies."""
    path = tmp_path_factory.mktemp("implied")
    times = np.datetime64("2024-01-01T00") + np.arange(LENGTH)
    rows = [f"{time}:00:00,{y:.3f}" for time, y in zip(times, series(), strict=True)]
    (path / "readings.csv").write_text("\n".join(["ds,y", *rows]))
    assert train(path, "run").exit_code == 0
    return path


def invoke(*words: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


def train(folder: Path, run: str, *options: object) -> Result:
    small = ("--horizon", "4", "--lags", "24", "--hidden", "4", "--layers", "1", *SMALL)
    return invoke("train", folder / "readings.csv", "--out", folder / run, *small, *options)


def by_fold(run: Path, out: Path) -> list[dict[str, Any]]:
    """What each fold implied."""
    result = invoke("evaluate", run, *FOLDS, *SMALL, "--out", out)
    assert result.exit_code == 0, result.output
    folds = json.loads((out / "metrics.json").read_text())["by_fold"]
    return [fold["training"].get("implied", {}) for fold in folds]


def test_a_fold_implies_the_offset_from_its_own_training_part_and_not_from_the_runs(
    folder: Path, tmp_path: Path
) -> None:
    run = Run.open(folder / "run")
    assert run.config.offset is not None
    assert run.config.offset > 50  # the run's training part holds the relative changes
    assert run.implied == ("calendar", "offset", "spread")
    first, second = by_fold(folder / "run", tmp_path / "e")
    assert first["offset"] == 0.0
    assert second["offset"] > 50
    assert first["calendar"] == ["time_of_day", "day_of_week"]


def test_what_was_chosen_stays_in_every_fold(folder: Path, tmp_path: Path) -> None:
    assert train(folder, "chosen", "--offset", "7").exit_code == 0
    run = Run.open(folder / "chosen")
    assert (run.implied, run.asked.offset, run.asked.calendar) == (("calendar", "spread"), 7.0, None)
    assert [fold.keys() for fold in by_fold(folder / "chosen", tmp_path / "e")] == [{"calendar", "spread"}] * 2


def test_a_run_that_does_not_say_is_taken_to_have_implied_it(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder / "run", tmp_path / "old")
    content = json.loads((tmp_path / "old" / CONFIG).read_text())
    del content["implied"]
    (tmp_path / "old" / CONFIG).write_text(json.dumps(content))
    assert Run.open(tmp_path / "old").config == Run.open(folder / "run").config
    assert by_fold(tmp_path / "old", tmp_path / "e")[0]["offset"] == 0.0
    again = invoke("train", folder / "readings.csv", "--horizon", "4", "--out", tmp_path / "old", "--resume")
    assert again.exit_code == 0, again.output


def test_the_weights_of_a_run_are_evaluated_with_the_configuration_they_were_learned_with(
    folder: Path, tmp_path: Path
) -> None:
    result = invoke("evaluate", folder / "run", "--no-refit", "--folds", "1", "--out", tmp_path / "e")
    assert result.exit_code == 0, result.output
    identity = json.loads((tmp_path / "e" / "evaluation.json").read_text())
    assert identity["model"]["offset"] == Run.open(folder / "run").config.offset


def test_an_evaluation_of_a_file_implies_in_each_fold_too(folder: Path, tmp_path: Path) -> None:
    options = ("--horizon", "4", "--lags", "24", "--hidden", "4", "--layers", "1", *FOLDS, *SMALL)
    result = invoke("evaluate", folder / "readings.csv", *options, "--out", tmp_path / "e")
    assert result.exit_code == 0, result.output
    folds = json.loads((tmp_path / "e" / "metrics.json").read_text())["by_fold"]
    first, second = (fold["training"]["implied"]["offset"] for fold in folds)
    assert first == 0.0
    assert second > 50


def test_settings_of_a_run_or_a_search_are_taken_without_what_other_readings_implied(
    folder: Path, tmp_path: Path
) -> None:
    config = Run.open(folder / "run").config
    frequency = Frequency.parse(config.frequency)
    recipe = Recipe.read(folder / "run" / CONFIG, frequency)
    assert {"calendar", "offset"}.isdisjoint(recipe.model)
    assert recipe.model["lags"] == (24,)
    write_recipe(tmp_path / "best.json", config, TrainingSettings(), implied=["calendar"])
    assert Recipe.read(tmp_path / "best.json", frequency).model["offset"] == config.offset


def test_what_a_comparison_times_and_serves_is_learned_under_the_same_logarithm(folder: Path, tmp_path: Path) -> None:
    options = ("--horizon", "4", "--lags", "24", "--hidden", "4", "--layers", "1", *SMALL, "--longest", "24")
    more = ("--shortest", "8", "--seeds", "1", "--lengths", "10", "--no-serving")
    result = invoke("compare", folder / "readings.csv", *options, *more, "--out", tmp_path / "c")
    assert result.exit_code == 0, result.output
    kept = json.loads((tmp_path / "c" / "comparison.json").read_text())["model"]
    assert kept["offset"] == Run.open(folder / "run").config.offset


def daily(days: int, train_end: int) -> Panel:
    values = 50 + np.random.default_rng(0).normal(size=(days, 1))
    return Panel((Stretch(values, START + DAY * np.arange(days)),), (train_end,), (train_end,))


def test_the_time_of_year_is_seen_where_the_training_part_shows_it_twice() -> None:
    config = small_config(frequency="1d", lags=(7,), calendar=None, offset=None)
    twice = 2 * YEAR // DAY + 2
    short, long = (resolved(config, daily(900, end), 7) for end in (twice - 2, twice))
    assert short.calendar == ("day_of_week",)  # whatever is held out behind it
    assert long.calendar == ("day_of_week", "time_of_year")
    assert resolved(small_config(calendar=()), daily(900, twice), 7).calendar == ()


def test_an_open_configuration_survives_json() -> None:
    config = small_config(calendar=None, offset=None)
    assert config.open == ("calendar", "offset")
    assert ForecasterConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config
