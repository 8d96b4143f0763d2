"""What every architecture in the registry promises of training: every weight learns, and the loss falls."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from models.evaluation.panel import Panel, Stretch
from models.registry import ARCHITECTURES
from models.training.loop import Record
from models.training.trainer import prepare
from tests.conftest import HOUR, START, daily_wave, small_config
from tests.models.panels import SEASON, SETTINGS
from tests.nets import NETS

NAMES = {"covariates": ("price", "wind"), "future": ("price",), "static": ("area",)}
LENGTH = 260
# every architecture once more, beside one for whose sake each reads whole histories and learns from their last steps
MEMBERS = tuple(sorted(set(ARCHITECTURES) - {"ensemble"}))
ALL = {**NETS, "all-in-one": {"architecture": "ensemble", "members": MEMBERS}}


def panel() -> Panel:
    """Two series with a price that is known ahead, a wind that is not, and an area; some of each is missing."""
    random = np.random.default_rng(5)
    stretches = []
    for row in range(2):
        values = np.stack([daily_wave(LENGTH, seed=row), *random.normal(5, 2, (2, LENGTH))], 1)
        values[random.random(values.shape) < 0.05] = np.nan
        stretches.append(Stretch(values, START + HOUR * np.arange(LENGTH), np.array([1.0 + row])))
    return Panel(tuple(stretches), (LENGTH - 40,) * 2, (LENGTH - 20,) * 2)


@pytest.mark.parametrize("name", ALL)
def test_one_step_reaches_every_weight(name: str) -> None:
    # crops are short: attention looks back on two outputs only, so that each place of it is reached
    config = small_config(**ALL[name], normalisation="layer", attended=2, periods=(1, 2), **NAMES)
    training = prepare(panel(), config, replace(SETTINGS, primed=0.5, batch=16), SEASON)
    training._step()
    still = [
        key for key, weight in training.model.named_parameters() if weight.grad is None or not weight.grad.abs().any()
    ]
    assert still == []


@pytest.mark.parametrize("name", NETS)
def test_thirty_steps_make_the_loss_fall(name: str) -> None:
    config = small_config(**NETS[name], **NAMES)
    settings = replace(SETTINGS, steps=30, validate_every=30, warm_up=2, batch=6)
    training = prepare(panel(), config, settings, SEASON)
    before = training.validation.loss(training.model.eval())
    records: list[Record] = []
    training.run(records.append, lambda _: None)
    assert not any(record.skipped for record in records)
    assert training.validation.loss(training.model) < 0.97 * before
