"""`gatecast train --config`: the settings of a file, and who wins where two say something."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from commands.main import app
from models.training.recipe import write_recipe
from models.training.run import Run
from models.training.settings import TrainingSettings
from tests.conftest import daily_wave, small_config

SETTINGS = TrainingSettings(steps=3, batch=2, shortest=8, longest=24, clip=0.5, validate_every=1)


@pytest.fixture(scope="module")
def csv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("data") / "waves.csv"
    values = daily_wave(300)
    rows = [f"2024-05-{1 + hour // 24:02d}T{hour % 24:02d}:00:00,{value:.3f}" for hour, value in enumerate(values)]
    path.write_text("\n".join(["ds,y", *rows]))
    return path


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    """Hourly, horizon 6, with covariates and a calendar that the data do not imply."""
    config = small_config(calendar=("time_of_day",), covariates=("rain",))
    write_recipe(tmp_path / "best.json", config, SETTINGS)
    return tmp_path / "best.json"


def train(csv: Path, out: Path, *options: str) -> Result:
    return CliRunner().invoke(app, ["train", str(csv), "--horizon", "4", "--out", str(out), *options])


def test_settings_come_from_the_file_what_belongs_to_the_data_does_not(csv: Path, recipe: Path, tmp_path: Path) -> None:
    result = train(csv, tmp_path / "run", "--config", str(recipe))
    assert result.exit_code == 0, result.output
    run = Run.open(tmp_path / "run")
    assert run.settings == SETTINGS
    assert run.config == small_config(calendar=("time_of_day",), horizon=4)


def test_an_option_that_is_given_wins_and_a_run_goes_on_without_the_file(
    csv: Path, recipe: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    result = train(csv, out, "--config", str(recipe), "--hidden", "4", "--steps", "2", "--lags", "24")
    assert result.exit_code == 0, result.output
    run = Run.open(out)
    assert (run.config.hidden, run.config.lags, run.settings.steps, run.settings.clip) == (4, (24,), 2, 0.5)
    recipe.unlink()
    assert train(csv, out, "--resume").exit_code == 0
    assert Run.open(out) == run


def test_an_earlier_run_is_a_recipe_too(csv: Path, recipe: Path, tmp_path: Path) -> None:
    assert train(csv, tmp_path / "first", "--config", str(recipe)).exit_code == 0
    assert train(csv, tmp_path / "second", "--config", str(tmp_path / "first" / "config.json")).exit_code == 0
    first, second = ((tmp_path / name / "weights.safetensors").read_bytes() for name in ("first", "second"))
    assert first == second


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format": 9}, "has format 9, this version reads 1"),
        ({"model": {"depth": 3}}, "unknown settings"),
        ({"training": {"rate": 7}}, "the rate must lie between 0 and 1"),
        ({"training": {"speed": 7}}, "holds no settings"),
        ({"model": {"frequency": "30min", "horizon": 6, "lags": [48]}}, "is for series of 30min, these are of 1h"),
        ([], "holds no settings"),
        (None, "cannot be read"),
    ],
)
def test_a_file_that_does_not_fit_is_refused(
    csv: Path, recipe: Path, tmp_path: Path, changes: object, message: str
) -> None:
    content = json.loads(recipe.read_text())
    recipe.write_text(json.dumps({**content, **changes} if isinstance(changes, dict) else changes))
    if changes is None:
        recipe.unlink()
    result = train(csv, tmp_path / "run", "--config", str(recipe))
    assert result.exit_code == 1
    assert message in " ".join(result.output.split())
    assert not (tmp_path / "run").exists()
