"""Names that do not exist and options that a net does not use are refused before anything is trained or announced."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from commands.main import app
from models.architectures import SHAPES, depth, describe, ignores, uses
from models.registry import ARCHITECTURES, build
from models.training.recipe import write_recipe
from models.training.run import Run
from models.training.settings import TrainingSettings
from models.training.trainer import suited
from models.tuning.plan import Plan, PlanError, settings_of
from models.tuning.space import Space
from tests.conftest import daily_wave, small_config

SMALL = ("--horizon", "3", "--batch", "2", "--steps", "2", "--lags", "24")


@pytest.fixture(scope="module")
def csv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("data") / "waves.csv"
    hours = (f"2024-05-{1 + hour // 24:02d}T{hour % 24:02d}:00:00" for hour in range(200))
    path.write_text("\n".join(["ds,y", *(f"{when},{y:.3f}" for when, y in zip(hours, daily_wave(200), strict=True))]))
    return path


def invoke(*words: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words], env={"COLUMNS": "120"})


def one_line(result: Result) -> str:
    return " ".join(result.output.split())


def test_the_shapes_are_those_of_the_registry_and_say_who_streams() -> None:
    assert list(SHAPES) == list(ARCHITECTURES)
    for name in SHAPES:
        assert build(small_config(architecture=name)).streams == (not ignores(small_config(architecture=name)))


CHANGES: dict[str, Any] = {
    "hidden": 12, "layers": 3, "stacks": (2, 1), "widths": (6, 5), "kernel": 3, "periods": (1, 3), "attended": 5,
    "heads": 2, "members": ("rnn", "gru"),
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(ARCHITECTURES))
def test_a_setting_changes_the_net_exactly_where_it_is_said_to_be_used(name: str) -> None:
    """By the shapes of weights and state; heads and periods move no shape, but what is computed."""
    base = small_config(architecture=name)

    def looks(**changes: Any) -> Any:
        model = build(small_config(architecture=name, **changes))
        own = [getattr(model, each, None) for each in ("periods", "heads")]
        return own, model.layout, [tuple(weight.shape) for weight in model.parameters()], sorted(model.state_dict())

    changed = {setting for setting, value in CHANGES.items() if looks(**{setting: value}) != looks()}
    assert changed == set(uses(base))
    widths = small_config(architecture="residual-gru", widths=(6, 5))
    assert uses(widths) == ("widths",)


@pytest.mark.parametrize(
    ("model", "said", "layers"),
    [
        ({}, "gru 2 x 8", 2),
        ({"architecture": "stacks", "stacks": (2, 2), "layers": 1}, "stacks 2+2 x 8", 4),
        ({"architecture": "residual-gru", "widths": (8, 4, 2)}, "residual-gru 8, 4, 2", 3),
        ({"architecture": "residual-gru"}, "residual-gru 2 x 8", 2),
        ({"architecture": "ensemble", "members": ("gru", "stacks")}, "ensemble of gru 2 x 8, stacks 1+1 x 8", 2),
    ],
)
def test_a_net_is_described_as_it_is_built(model: dict[str, Any], said: str, layers: int) -> None:
    config = small_config(**model)
    assert (describe(config), depth(config)) == (said, layers)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--model", "gruu"), "unknown architecture 'gruu'; choose among gru, lstm, rnn, stacks, residual-gru"),
        (("--scaling", "foo"), "unknown scaling 'foo'; choose among standard, min-max"),
        (("--layers", "1", "--normalisation", "foo"), "unknown normalisation 'foo'; choose among none, layer, batch"),
        (("--offset", "inf"), "the offset of the logarithm must be 0 (none) or more, and finite, not inf"),
        (("--clip", "inf"), "the longest gradient (clip) must be above 0, and finite, not inf"),
        (("--model", "gru-transformer", "--hidden", "8", "--heads", "3"), "hidden a multiple of heads"),
        (("--model", "gru", "--kernel", "7"), "kernel is not used by gru, which is shaped by hidden and layers"),
        (("--kernel", "7"), "leave it out, or take a model that has it: conv-gru"),
        (("--model", "gru", "--stacks", "3,3"), "stacks is not used by gru"),
        (("--model", "stacks", "--layers", "5"), "layers is not used by stacks, which is shaped by hidden and stacks"),
        (("--model", "residual-gru", "--widths", "8,4", "--layers", "2"), "layers is not used by residual-gru"),
        (("--model", "ensemble", "--members", "gru,rnn", "--heads", "2"), "heads is not used by ensemble"),
        (("--model", "bi-gru", "--shortest", "9"), "shortest is not used by bi-gru, which learns from whole histories"),
        (("--model", "bi-gru", "--every", "2"), "every is not used by bi-gru"),
        (
            ("--model", "ensemble", "--members", "gru,bi-gru", "--longest", "90"),
            "longest is not used by ensemble, which learns from whole histories, as its member bi-gru does: leave it",
        ),
        (("--layers", "1", "--normalisation", "layer"), "normalisation stands between layers, and this net has one"),
    ],
)
def test_train_refuses_before_it_announces_anything(
    csv: Path, tmp_path: Path, options: tuple[str, ...], message: str
) -> None:
    result = invoke("train", csv, "--out", tmp_path / "run", *SMALL, *options)
    assert result.exit_code == 1
    assert message in one_line(result)
    assert "[" not in one_line(result)  # no list as Python shows it
    assert len(result.output.splitlines()) <= 3
    assert "Ctrl-C keeps" not in result.output
    assert not (tmp_path / "run").exists()


def test_what_members_use_an_ensemble_uses(csv: Path, tmp_path: Path) -> None:
    options = ("--model", "ensemble", "--members", "conv-gru,gru", "--kernel", "3", "--hidden", "4")
    result = invoke("train", csv, "--out", tmp_path / "run", *SMALL, *options)
    assert result.exit_code == 0, result.output
    assert "ensemble of conv-gru 2 x 4, gru 2 x 4, seasonal lags 24" in one_line(result)


@pytest.mark.parametrize("model", [("bi-gru",), ("ensemble", "--members", "gru,bi-gru")], ids=["alone", "ensemble"])
def test_a_run_keeps_the_settings_that_it_was_trained_with(csv: Path, tmp_path: Path, model: tuple[str, ...]) -> None:
    """A net of whole histories takes rows of one to two windows with one origin, whatever the defaults are."""
    result = invoke("train", csv, "--out", tmp_path / "run", *SMALL, "--model", *model, "--hidden", "4")
    assert result.exit_code == 0, result.output
    settings = Run.open(tmp_path / "run").settings
    assert (settings.shortest, settings.longest, settings.every, settings.primed) == (24, 48, 48, 0.0)
    again = invoke("train", csv, "--out", tmp_path / "run", "--horizon", "3", "--resume")
    assert again.exit_code == 0, again.output
    other = invoke(
        "train", csv, "--out", tmp_path / "gru", *SMALL, "--model", "gru", "--config", tmp_path / "run" / "config.json"
    )
    assert other.exit_code == 0, other.output
    taken, usual = Run.open(tmp_path / "gru").settings, TrainingSettings()
    assert (taken.shortest, taken.longest, taken.primed) == (usual.shortest, usual.longest, usual.primed)


def test_settings_of_a_net_that_streams_stay_as_they_are() -> None:
    assert suited(TrainingSettings(), build(small_config())) == TrainingSettings()


def test_a_file_of_settings_may_hold_what_another_architecture_uses(csv: Path, tmp_path: Path) -> None:
    """Such a file is whole, as a search over several architectures leaves it; only what is typed is refused."""
    write_recipe(tmp_path / "best.json", small_config(kernel=9, layers=1), TrainingSettings(steps=2, batch=2))
    result = invoke("train", csv, "--horizon", "3", "--out", tmp_path / "run", "--config", tmp_path / "best.json")
    assert result.exit_code == 0, result.output


def plan(space: str, **model: Any) -> Plan:
    return Plan(Space.parse(space), small_config(**model), settings_of(4, 0), "tpe", "none", 0, "digest")


@pytest.mark.parametrize(
    ("space", "message"),
    [
        ('normalisation = { choices = ["layer", "foo"] }', "normalisation: unknown normalisation 'foo'; choose among"),
        ('architecture = { choices = ["gru", "lstn"] }', "architecture: unknown architecture 'lstn'; choose among gru"),
        ('scaling = "robust"', "scaling: unknown scaling 'robust'"),
        ("kernel = { low = 2, high = 9 }", "the space: kernel is not used by gru"),
        ('architecture = { choices = ["gru", "rnn"] }\nheads = 2', "the space: heads is not used by gru or rnn"),
        ('layers = 1\nnormalisation = "layer"', "the space: normalisation stands between layers"),
        ('architecture = "bi-gru"\nlongest = 99', "the space: longest is not used by bi-gru"),
    ],
)
def test_a_search_refuses_what_no_trial_can_be_or_uses(space: str, message: str) -> None:
    with pytest.raises(PlanError) as refused:
        plan(space)
    assert message in str(refused.value)


def test_a_search_over_several_architectures_shares_one_space() -> None:
    shared = plan('architecture = { choices = ["gru", "conv-gru", "stacks"] }\nkernel = 3\nlayers = 2\nstacks = [2, 1]')
    config, _ = shared.trial({"architecture": "gru", "kernel": 3, "layers": 2, "stacks": "[2, 1]"})
    assert describe(config) == "gru 2 x 8"


def test_a_comparison_takes_an_option_that_one_of_its_models_uses(csv: Path, tmp_path: Path) -> None:
    options = ("--steps", "1", "--batch", "2", "--lags", "24", "--lengths", "10", "--seeds", "1", "--no-serving")
    small = ("compare", csv, "--horizon", "3", "--hidden", "4", "--out", tmp_path / "c", *options)
    refused = invoke(*small, "--models", "stacks,bi-gru", "--kernel", "3")
    assert refused.exit_code == 2  # there is no such option
    members = ("--members", "gru,bi-gru")
    crops = ("--longest", "24", "--shortest", "8")  # not of an ensemble that learns from whole histories
    result = invoke(*small, "--models", "stacks,ensemble", "--layers", "3", *members, *crops)
    assert result.exit_code == 0, result.output
    assert "stacks 1+1 x 4, ensemble of gru 3 x 4, bi-gru 3 x 4" in one_line(result)  # its members have layers


@pytest.mark.parametrize("command", ["evaluate", "gradients"])
def test_evaluate_and_gradients_refuse_it_too(csv: Path, tmp_path: Path, command: str) -> None:
    model = "--model" if command == "evaluate" else "--models"
    result = invoke(command, csv, "--horizon", "3", "--out", tmp_path / "e", model, "stacks", "--layers", "3")
    assert result.exit_code == 1
    assert "layers is not used by stacks" in one_line(result)
