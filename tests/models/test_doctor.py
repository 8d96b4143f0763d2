"""The doctor names what a run was made to suffer from, and is silent on healthy runs; all are really trained."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from commands.main import load
from models.diagnosis.case import Case
from models.diagnosis.doctor import DIAGNOSES, diagnose
from models.forecaster import Forecaster
from models.training.run import Run
from tests.models.patients import (
    both,
    counts,
    panel_of,
    readings,
    recurrent_weights,
    saturated_units,
    seasonal,
    seasonal_panel,
    trained,
    trend,
    update_bias,
    wandering,
)

Training = Callable[[Path], Run]

HEALTHY: dict[str, Training] = {
    "taxi": lambda path: trained(
        path, panel_of(readings("nyc_taxi")[:1000], seconds=1800), model={"frequency": "30min", "lags": (48,)}
    ),
    "machine temperature": lambda path: trained(path, panel_of(readings("machine_temperature")[:12000:12])),
    "seasons": lambda path: trained(path, seasonal_panel()),
    "a trend": lambda path: trained(path, panel_of(trend(seed=0), trend(seed=1))),
    "counts": lambda path: trained(path, panel_of(counts(seed=0), counts(seed=1))),
}


def unscaled(path: Path) -> Run:
    """Readings reach the net in units of their own, thousands of them to a deviation."""

    def as_they_are(_: Forecaster, residual: torch.Tensor, *__: torch.Tensor) -> torch.Tensor:
        return torch.nan_to_num(residual)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Forecaster, "normalised", as_they_are)
        return trained(path, panel_of(1000 * seasonal(seed=0), 1000 * seasonal(seed=1)))


# by what was done: the training, the diagnosis, and the flag to try next
SICK: dict[str, tuple[Training, str, str]] = {
    "recurrent weights of thirty times their size, and no clipping": (
        lambda path: trained(path, seasonal_panel(), both(recurrent_weights(30), update_bias(-3)), steps=60, clip=1e9),
        "exploding gradients",
        "--clip 1",
    ),
    "recurrent weights of a hundredth, and gates that drop the past": (
        lambda path: trained(path, seasonal_panel(), both(recurrent_weights(0.01), update_bias(-6)), steps=60),
        "vanishing gradients",
        "--seed 1",
    ),
    "a wide net on a hundred readings, nothing dropped out": (
        lambda path: trained(
            path, panel_of(wandering(150), held_out=24), model={"hidden": 48, "dropout": 0.0}, decay=0.0
        ),
        "overfitting",
        "--dropout 0.3",
    ),
    "a rate of nearly nothing": (
        lambda path: trained(path, seasonal_panel(), rate=1e-5),
        "underfitting",
        "--rate 0.0001",
    ),
    "a budget of fifteen steps": (
        lambda path: trained(path, seasonal_panel(), steps=15, validate_every=3),
        "underfitting",
        "--steps 60",
    ),
    "update gates with a bias of 20": (
        lambda path: trained(path, seasonal_panel(), update_bias(20), steps=60),
        "frozen update gates",
        "--seed 1",
    ),
    "half of the units saturated": (
        lambda path: trained(path, seasonal_panel(), saturated_units(0.5), steps=60),
        "dead units",
        "--seed 1",
    ),
    "a rate of 0.5": (
        lambda path: trained(path, seasonal_panel(), rate=0.5),
        "too high a rate",
        "--rate 0.005",
    ),
    "scaling taken out": (
        unscaled,
        "unscaled input",
        "--lags 168",
    ),
}


@pytest.mark.parametrize("data", HEALTHY)
def test_a_healthy_run_is_left_in_peace(data: str, tmp_path: Path) -> None:
    run = HEALTHY[data](tmp_path / "run")
    assert run.metrics()["beats_seasonal_naive"] is True
    assert diagnose(Case.of(run)) == []


@pytest.mark.parametrize("cause", SICK)
def test_a_sick_run_is_diagnosed_with_evidence_and_a_flag(cause: str, tmp_path: Path) -> None:
    train, name, suggestion = SICK[cause]
    findings = diagnose(Case.of(train(tmp_path / "run")))
    assert [finding.name for finding in findings] == [name]
    assert findings[0].suggestion == suggestion
    assert "step" in " ".join(findings[0].evidence)
    flag = suggestion.split()[0]
    assert flag in {option for parameter in load("train").params for option in parameter.opts}


def test_each_diagnosis_has_a_run_that_was_made_sick_with_it() -> None:
    assert {name for _, name, _ in SICK.values()} == set(DIAGNOSES)
