"""`gatecast train --from`: a run begins with the weights of a bundle or of another run, and with no other model's."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from click.testing import Result
from typer.testing import CliRunner

from commands.main import app
from export.starting import start_from
from models.forecaster import Forecaster
from models.training.run import Run
from service.bundle import Bundle
from tests.conftest import daily_wave

SMALL = ("--hidden", "8", "--layers", "1", "--batch", "2")
STANDING = ("--rate", "1e-12", "--decay", "0", "--steps", "1", "--no-widen")  # weights stay, but for a hair


@pytest.fixture(scope="module")
def csv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An hourly series with a covariate."""
    path = tmp_path_factory.mktemp("data") / "wave.csv"
    rows = enumerate(daily_wave(500))
    lines = [f"2024-05-{1 + at // 24:02d}T{at % 24:02d}:00:00,{value:.3f},{at % 7}" for at, value in rows]
    path.write_text("\n".join(["ds,y,wind", *lines]))
    return path


def train(csv: Path, out: Path, *options: str, horizon: int = 6) -> Result:
    words = ["train", str(csv), "--horizon", str(horizon), "--out", str(out), *options]
    return CliRunner().invoke(app, words, env={"COLUMNS": "300"})


@pytest.fixture(scope="module")
def trained(csv: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that has learned something."""
    out = tmp_path_factory.mktemp("runs") / "first"
    assert train(csv, out, *SMALL, "--steps", "40").exit_code == 0
    return out


def loss(run: Path) -> float:
    return float(Run.open(run).metrics()["training"]["best"])


def test_a_run_from_another_one_begins_at_its_loss_and_not_at_a_fresh_ones(
    csv: Path, trained: Path, tmp_path: Path
) -> None:
    result = train(csv, tmp_path / "next", "--from", str(trained), *STANDING, "--batch", "2")
    assert result.exit_code == 0, result.output
    assert train(csv, tmp_path / "fresh", *SMALL, *STANDING).exit_code == 0
    assert loss(tmp_path / "next") == pytest.approx(loss(trained), rel=1e-4)
    assert loss(tmp_path / "fresh") > 1.1 * loss(trained)
    assert Run.open(tmp_path / "next").config == Run.open(trained).config  # though none of it was typed


def test_a_run_from_a_bundle_begins_with_its_weights(
    csv: Path, bundle: Bundle, forecaster: Forecaster, tmp_path: Path
) -> None:
    start = start_from(bundle.path)
    assert start.config == forecaster.config
    for name, weight in forecaster.state_dict().items():
        assert torch.equal(weight, start.weights[name]), name
    out = tmp_path / "next"
    result = train(csv, out, "--from", str(bundle.path), "--covariates", "none", *STANDING, "--batch", "2")
    assert result.exit_code == 0, result.output
    for name, weight in Run.open(out).forecaster().state_dict().items():
        torch.testing.assert_close(weight, start.weights[name], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    ("options", "horizon", "said"),
    [
        (("--hidden", "9"), 6, "hidden is 8 there and 9 here"),
        (("--model", "lstm"), 6, "architecture is gru there and lstm here"),
        (("--covariates", "none"), 6, "covariates is wind there and none here"),
        ((), 7, "horizon is 6 there and 7 here"),
        (("--lags", "12", "--layers", "2"), 6, "lags is 24, 168 there and 12 here; layers is 1 there and 2 here"),
    ],
)
def test_another_model_is_refused_by_the_settings_that_differ(
    csv: Path, trained: Path, tmp_path: Path, options: tuple[str, ...], horizon: int, said: str
) -> None:
    result = train(csv, tmp_path / "next", "--from", str(trained), *options, horizon=horizon)
    assert result.exit_code == 1
    assert "cannot be gone on from" in result.output
    assert said in result.output
    assert not (tmp_path / "next").exists()


def test_weights_of_another_shape_are_refused_by_name(trained: Path) -> None:
    start = start_from(trained)
    model = Run.open(trained).forecaster()
    start.weights["decoder.mix.bias"] = start.weights["decoder.mix.bias"][:-1]
    del start.weights["decoder.mix.weight"]
    with pytest.raises(ValueError, match=r"decoder.mix.bias is .* here; decoder.mix.weight is missing there and"):
        start.load_into(model)


def test_what_is_no_model_is_refused(csv: Path, trained: Path, tmp_path: Path) -> None:
    assert train(csv, tmp_path / "next", "--from", str(tmp_path)).exit_code == 1
    said = train(csv, trained, "--from", str(trained), "--resume")
    assert said.exit_code == 1
    assert "leave --from out" in said.output
