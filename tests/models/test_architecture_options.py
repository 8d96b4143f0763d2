"""The options of `gatecast train` that choose and shape an architecture: each has its effect, faults are one line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import Result
from safetensors.numpy import load_file
from typer.testing import CliRunner

from commands.main import app
from models.registry import ARCHITECTURES
from models.training.run import WEIGHTS, Run
from tests.conftest import daily_wave

Command = Callable[..., Result]
SMALL = ("--horizon", "3", "--batch", "2", "--steps", "2", "--lags", "24", "--dropout", "0")
NARROW = ("--hidden", "4")
CROPS = ("--shortest", "8", "--longest", "16")


@pytest.fixture(scope="module")
def csv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two hourly series of a week, with a price and a wind, an area, and some readings left out."""
    path = tmp_path_factory.mktemp("data") / "waves.csv"
    lines = ["unique_id,ds,y,price,wind,area"]
    for name, area in (("north", 2), ("south", 7)):
        for hour, value in enumerate(daily_wave(170, seed=len(name) + area)):
            y = "" if hour % 13 == 5 else f"{value:.3f}"
            day = f"2024-05-{1 + hour // 24:02d}T{hour % 24:02d}:00:00"
            lines.append(f"{name},{day},{y},{hour % 5},{hour % 3},{area}")
    path.write_text("\n".join(lines))
    return path


@pytest.fixture
def command(csv: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    """Trains with these options; plots are another test's business."""
    monkeypatch.setenv("COLUMNS", "80")
    for picture in ("plot_loss", "plot_forecast"):
        monkeypatch.setattr(f"models.training.trainer.{picture}", lambda *_: None)

    def run(out: Path, *options: str) -> Result:
        again = "--resume" in options  # what a model does not use is refused
        narrow = () if again or "--widths" in options else NARROW
        crops = () if again or any("bi-gru" in option for option in options) else CROPS
        return CliRunner().invoke(app, ["train", str(csv), "--out", str(out), *SMALL, *narrow, *crops, *options])

    return run


def weights(run: Path) -> dict[str, np.ndarray]:
    return load_file(run / WEIGHTS)


SHAPES: dict[str, dict[str, Any]] = {
    "gru": {},
    "lstm": {},
    "rnn": {},
    "min-gru": {},
    "bi-gru": {"missing": "linear"},
    "stacks": {"stacks": (2, 1)},
    "residual-gru": {"widths": (6, 5, 4)},
    "conv-gru": {"kernel": 3},
    "attention-gru": {},
    "multiscale-gru": {"periods": (1, 6)},
    "gru-transformer": {"attended": 7, "heads": 2},
    "ensemble": {"members": ("gru", "rnn", "gru")},
}


def test_every_architecture_is_tried_here() -> None:
    assert sorted(SHAPES) == sorted(ARCHITECTURES)


@pytest.mark.parametrize("name", sorted(SHAPES))
def test_an_architecture_trains_with_the_shape_it_was_given_and_resume_restores_it(
    command: Command, tmp_path: Path, name: str
) -> None:
    out, shape = tmp_path / "run", SHAPES[name]
    options = [
        part
        for flag, value in shape.items()
        for part in (f"--{flag}", ",".join(map(str, value)) if isinstance(value, tuple) else str(value))
    ]
    result = command(out, "--model", name, *options)
    assert result.exit_code == 0, result.output
    config = Run.open(out).config
    assert {flag: getattr(config, flag) for flag in shape} == shape
    assert config.architecture == name
    before = (out / WEIGHTS).read_bytes()
    again = command(out, "--resume")
    assert again.exit_code == 0, again.output
    assert Run.open(out).config == config
    assert (out / WEIGHTS).read_bytes() == before


def test_the_shape_decides_the_weights(command: Command, tmp_path: Path) -> None:
    shown = (
        ("stacks", ("--stacks", "2,1"), {"blocks.0.layers.1.fused.weight_hh_l0": (12, 4), "starts.1": (4,)}),
        ("residual-gru", ("--widths", "6,5"), {"layers.1.fused.weight_ih_l0": (15, 6), "around.1.weight": (5, 6)}),
        ("conv-gru", ("--kernel", "3"), {"convolution.weight": (4, None, 3)}),
        ("gru-transformer", ("--attended", "7", "--heads", "2"), {"nearness": (2, 7)}),
        ("ensemble", ("--members", "gru,rnn"), {"members.1.stack.layers.0.fused.weight_hh_l0": (4, 4)}),
    )
    for at, (name, options, expected) in enumerate(shown):
        assert command(tmp_path / str(at), "--model", name, *options).exit_code == 0
        found = weights(tmp_path / str(at))
        for key, shape in expected.items():
            for one, other in zip(found[key].shape, shape, strict=True):
                assert other in (None, one)


@pytest.mark.parametrize(
    "options",
    [
        ("--future", "price"),
        ("--static", "area"),
        ("--scaling", "min-max"),
        ("--missing", "forward"),
        ("--normalisation", "batch"),
        ("--zoneout", "0.5"),
        ("--model", "multiscale-gru", "--periods", "1,6"),
    ],
)
def test_an_option_changes_what_is_learned(command: Command, tmp_path: Path, options: tuple[str, ...]) -> None:
    plain = tmp_path / "plain"
    chosen = ("--model", "multiscale-gru") if options[0] == "--model" else ()
    assert command(plain, *chosen).exit_code == 0
    result = command(tmp_path / "run", *options)
    assert result.exit_code == 0, result.output
    field, value = options[-2][2:], options[-1]
    kept = getattr(Run.open(tmp_path / "run").config, field)
    assert (value in (str(kept), kept)) or kept in ((value,), (1, 6))
    one, other = weights(plain), weights(tmp_path / "run")
    assert one.keys() != other.keys() or any(
        one[key].shape != other[key].shape or not np.array_equal(one[key], other[key]) for key in one
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--model", "transformer"), "unknown architecture 'transformer'; choose among"),
        (("--scaling", "robust"), "unknown scaling 'robust'; choose among standard, min-max, mean-absolute, none"),
        (("--normalisation", "group"), "unknown normalisation 'group'; choose among none, layer, batch"),
        (("--missing", "zero"), "unknown way with missing readings 'zero'; choose among mask, forward, linear"),
        (("--missing", "linear"), "choose mask or forward, or a model that reads whole histories, bi-gru"),
        (("--model", "stacks", "--stacks", "two"), "--stacks takes whole numbers, 24,168 say, not 'two'"),
        (("--model", "stacks", "--stacks", "2,0"), "stacks are layers of each block, such as 2,2; not (2, 0)"),
        (("--model", "residual-gru", "--widths", "4;4"), "--widths takes whole numbers"),
        (("--model", "residual-gru", "--widths", "-3"), "widths are units of each layer"),
        (("--model", "multiscale-gru", "--periods", "1,2,3"), "periods are steps between two ticks of each of 2"),
        (("--model", "gru-transformer", "--heads", "3"), "hidden a multiple of heads; got 32, 4 and 3"),
        (("--model", "ensemble", "--members", "gru"), "an ensemble needs two members or more, such as gru,lstm"),
        (("--model", "ensemble", "--members", "gru,ensemble"), "an ensemble needs two members or more, such as"),
        (("--model", "ensemble", "--members", "gru,rnn", "--missing", "linear"), "bi-gru or an ensemble with it"),
        (("--model", "ensemble", "--members", "gru,tcn"), "unknown architecture 'tcn'; choose among"),
        (("--future", "rain"), "rain"),
        (("--static", "wind"), "expected one value of the static feature 'wind' in a series"),
    ],
)
def test_faults_end_in_one_line_that_says_what_to_do(
    command: Command, tmp_path: Path, options: tuple[str, ...], message: str
) -> None:
    result = command(tmp_path / "run", *options)
    assert result.exit_code == 1, result.output
    assert message in " ".join(result.output.split())
    assert "Traceback" not in result.output


@pytest.mark.parametrize("options", [("--kernel", "1"), ("--zoneout", "1.5"), ("--attended", "0"), ("--heads", "0")])
def test_numbers_out_of_range_are_refused_with_their_flag(
    command: Command, tmp_path: Path, options: tuple[str, str]
) -> None:
    result = command(tmp_path / "run", *options)
    assert result.exit_code == 2
    assert options[0] in result.output
